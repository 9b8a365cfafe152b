import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadChatTemplate } from '#data/chat-template.js';
import { encodeRow, hasTarget } from '#data/examples.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { TextualRow } from '#data/rows/row.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/tokenizers', import.meta.url));

/** The example of a row: all its tokens as text, and the learned ones as text. */
async function encode(fixture: string, row: TextualRow) {
  const tokenizer = await loadTokenizer(join(fixtures, fixture));
  const template = await loadChatTemplate(join(fixtures, fixture), tokenizer);
  const example = encodeRow(row, tokenizer, template);
  const learned = example.ids.filter((_, index) => example.trained[index] === 1);
  return {
    example,
    ids: example.ids,
    text: tokenizer.decode(example.ids),
    learned: tokenizer.decode(learned),
  };
}

describe('encodeRow', () => {
  it('learns a completion and the end of the text after it', async () => {
    const { text, learned } = await encode('byte-level-gpt2', {
      kind: 'completion',
      prompt: 'What is it?\n',
      completion: 'a license',
    });
    expect(text).toBe('What is it?\na license</s>');
    expect(learned).toBe('a license</s>');
  });

  it('learns a token that reaches from the prompt into the completion', async () => {
    const { learned } = await encode('byte-level-gpt2', {
      kind: 'completion',
      prompt: 'of th',
      completion: 'e end',
    });
    expect(learned).toBe(' the end</s>');
  });

  it('learns all of a text but what the tokenizer puts in front', async () => {
    const { ids, text, learned } = await encode('metaspace-turns', { kind: 'text', text: 'the end' });
    expect(ids[0]).toBe(1);
    expect(text).toBe('<s> the end</s>');
    expect(learned).toBe(' the end</s>'.slice(1));
  });

  it('does not end a text twice', async () => {
    const once = await encode('byte-level-gpt2', { kind: 'text', text: 'the end' });
    const written = await encode('byte-level-gpt2', { kind: 'text', text: 'the end</s>' });
    expect(written.example).toEqual(once.example);
  });

  it('does not begin a text twice', async () => {
    const once = await encode('metaspace-turns', { kind: 'text', text: 'the end' });
    const written = await encode('metaspace-turns', { kind: 'text', text: '<s>the end' });
    const beginnings = written.ids.filter((id) => id === once.ids[0]);
    expect(beginnings).toHaveLength(1);
    expect(written.ids[0]).toBe(once.ids[0]);
    expect(written.learned).not.toContain('<s>');
    const completion = await encode('metaspace-turns', {
      kind: 'completion',
      prompt: '<s>the',
      completion: ' end',
    });
    expect(completion.ids.filter((id) => id === once.ids[0])).toHaveLength(1);
    expect(completion.learned).toMatch(/end<\/s>$/);
  });

  it('adds no end where the tokenizer has none', async () => {
    const { text } = await encode('wordpiece-bert', { kind: 'text', text: 'the end' });
    expect(text).not.toContain('[SEP]');
  });
});

describe('hasTarget', () => {
  it('does not count the first token, which nothing predicts', () => {
    expect(hasTarget({ ids: [1, 2], trained: Uint8Array.of(1, 0) })).toBe(false);
    expect(hasTarget({ ids: [1, 2], trained: Uint8Array.of(0, 1) })).toBe(true);
  });
});
