import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { TextStream } from '#generation/text-stream.js';
import { bitsAt, streamKey } from '#jit/random.js';

const root = join(import.meta.dirname, '../../test/fixtures/tokenizers');
const names = readdirSync(root);

interface TextCase {
  readonly text: string;
  readonly ids_without_special: number[];
}

/** What comes out token by token, the rest last. */
function stream(tokenizer: Pick<Tokenizer, 'decode'>, prompt: number[], ids: readonly number[]): string[] {
  const text = new TextStream(tokenizer, prompt);
  return [...ids.map((id) => text.push(id)), text.flush()];
}

describe.each(names)('%s', (name) => {
  test('texts come out as the whole would be decoded', async () => {
    const tokenizer = await loadTokenizer(join(root, name));
    const { texts } = JSON.parse(readFileSync(join(root, name, 'case.json'), 'utf8')) as {
      texts: TextCase[];
    };
    for (const { text, ids_without_special: ids } of texts) {
      const whole = tokenizer.decode(ids, { skipSpecialTokens: true });
      expect(stream(tokenizer, [], ids).join(''), text).toBe(whole);
    }
  });

  test('a text goes on from the prompt with the space that stands between them', async () => {
    const tokenizer = await loadTokenizer(join(root, name));
    const ids = tokenizer.encode('one license, two licenses', { addSpecialTokens: false });
    const whole = tokenizer.decode(ids, { skipSpecialTokens: true });
    for (let cut = 1; cut < ids.length; cut++) {
      const start = tokenizer.decode(ids.slice(0, cut), { skipSpecialTokens: true });
      expect(start + stream(tokenizer, ids.slice(0, cut), ids.slice(cut)).join('')).toBe(whole);
    }
  });
});

/** The tokenizer of the fixtures has its byte tokens as special ones, unlike real ones: none is skipped. */
const decoderOf = (tokenizer: Tokenizer) => ({ decode: (ids: readonly number[]) => tokenizer.decode(ids) });

describe('characters of several tokens', () => {
  test.each(['byte-level-gpt2', 'metaspace-byte-fallback'])('come out whole from %s', async (name) => {
    const tokenizer = await loadTokenizer(join(root, name));
    const ids = tokenizer.encode('a𐍈b👍🏽', { addSpecialTokens: false });
    const pieces = stream(decoderOf(tokenizer), [], ids);
    expect(pieces.join('')).toBe('a𐍈b👍🏽');
    expect(pieces.join('|')).not.toContain('\ufffd');
    expect(pieces.length).toBeGreaterThan(8);
  });

  test('that never become whole come out as replacement characters, at the latest in the end', async () => {
    const tokenizer = await loadTokenizer(join(root, 'byte-level-gpt2'));
    const [first, second] = tokenizer.encode('𐍈', { addSpecialTokens: false }) as [number, number];
    const a = tokenizer.encode('a', { addSpecialTokens: false })[0]!;
    expect(stream(tokenizer, [], [first, a, first, second])).toEqual(['', '\ufffda', '', '', '\ufffd']);
  });

  test('that break after whole ones leave what was shown as it is', async () => {
    const tokenizer = await loadTokenizer(join(root, 'metaspace-byte-fallback'));
    const whole = tokenizer.encode('𐍈', { addSpecialTokens: false });
    const bytes = whole.slice(-4);
    const pieces = stream(decoderOf(tokenizer), [], [...bytes, bytes[0]!, bytes[1]!]);
    expect(pieces).toEqual(['', '', '', '𐍈', '', '', '\ufffd\ufffd']);
  });

  test('mixed with bytes that are none give the text of the whole', async () => {
    const tokenizer = await loadTokenizer(join(root, 'byte-level-llama3'));
    for (let seed = 0; seed < 50; seed++) {
      const key = streamKey(seed, 0, 'ids');
      const ids = Array.from({ length: 40 }, (_, i) => bitsAt(key, i) % tokenizer.vocabularySize);
      const whole = tokenizer.decode(ids, { skipSpecialTokens: true });
      expect(stream(tokenizer, [], ids).join(''), ids.join()).toBe(whole);
    }
  });
});
