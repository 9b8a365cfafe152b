import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadChatTemplate } from '#data/chat-template.js';
import { encodeRow } from '#data/examples.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { renderExample } from '#data/render-example.js';
import type { TextualRow } from '#data/rows/row.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/tokenizers', import.meta.url));

async function piecesOf(fixture: string, row: TextualRow) {
  const tokenizer = await loadTokenizer(join(fixtures, fixture));
  const template = await loadChatTemplate(join(fixtures, fixture), tokenizer);
  const example = encodeRow(row, tokenizer, template);
  return { pieces: renderExample(example, tokenizer), text: tokenizer.decode(example.ids) };
}

describe('renderExample', () => {
  it('shows a conversation with what is learned marked', async () => {
    const messages = [
      { role: 'user', content: 'What is a license?' },
      { role: 'assistant', content: '数据 😀' },
    ];
    const { pieces } = await piecesOf('byte-level-gpt2', { kind: 'chat', messages });
    expect(pieces).toEqual([
      { text: '<|im_start|>user\nWhat is a license?<|im_end|>\n<|im_start|>assistant\n', trained: false },
      { text: '数据 😀<|im_end|>', trained: true },
      { text: '\n', trained: false },
    ]);
  });

  it.each(['byte-level-gpt2', 'byte-level-llama3', 'metaspace-turns', 'metaspace-byte-fallback'])(
    'loses no text at the edges of pieces: %s',
    async (fixture) => {
      const row: TextualRow = {
        kind: 'completion',
        prompt: 'the program 数',
        completion: '据 of the 😀 end',
      };
      const { pieces, text } = await piecesOf(fixture, row);
      expect(pieces.map((piece) => piece.text).join('')).toBe(text);
      expect(pieces.at(-1)).toMatchObject({ trained: true });
      expect(pieces.at(-1)!.text).toContain('of the');
    },
  );

  it('gives a character to one piece where a token holds only part of it', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    const ids = tokenizer.encode('a数b');
    const trained = Uint8Array.from(ids, (_, index) => (index >= 2 ? 1 : 0));
    expect(renderExample({ ids, trained }, tokenizer)).toEqual([
      { text: 'a', trained: false },
      { text: '数b', trained: true },
    ]);
  });

  it('shows nothing of no tokens', async () => {
    const tokenizer = await loadTokenizer(join(fixtures, 'byte-level-gpt2'));
    expect(renderExample({ ids: [], trained: new Uint8Array() }, tokenizer)).toEqual([]);
  });
});
