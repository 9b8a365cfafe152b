import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { Generator } from '#generation/generator.js';
import { jsonGrammar } from '#generation/answer-format.js';
import { TokenConstraint } from '#generation/token-constraint.js';
import { bitsAt, streamKey } from '#jit/random.js';

const fixtures = join(import.meta.dirname, '../../test/fixtures/tokenizers');
const names = ['byte-level-gpt2', 'byte-level-llama3', 'byte-level-qwen'];
const template = new ChatTemplate({ default: '' }, {}, { now: new Date(0) });

/** A model that likes every token alike, by a seed. */
function random(tokens: number, seed: number) {
  return {
    maxLength: 4000,
    open: () => {
      let position = 0;
      return {
        extend: () => {
          const key = streamKey(seed, position++, 'test');
          return Promise.resolve(
            Float32Array.from({ length: tokens }, (_, i) => (bitsAt(key, i) % 997) / 100),
          );
        },
      };
    },
  };
}

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 6 },
    kind: { enum: ['é', 'b c'] },
    sizes: { type: 'array', items: { type: 'integer' }, maxItems: 3 },
  },
  required: ['name', 'kind'],
  additionalProperties: false,
};

describe.each(names)('a model with the tokens of %s', async (name) => {
  const tokenizer = await loadTokenizer(join(fixtures, name));

  test('writes what a schema allows, however it draws', async () => {
    const generator = new Generator(
      { tokenizer, template },
      undefined,
      random(tokenizer.vocabularySize, 3),
      () => Promise.resolve(),
    );
    for (let seed = 0; seed < 5; seed++) {
      const { text, finishReason } = await generator.complete([5], {
        grammar: jsonGrammar(schema, 'schema'),
        temperature: seed === 0 ? 0 : 1,
        topP: seed === 4 ? 0.5 : 1,
        seed,
      });
      expect(finishReason).toBe('stop');
      const value = JSON.parse(text) as { name: string; kind: string; sizes?: number[] };
      expect(['é', 'b c']).toContain(value.kind);
      expect(Array.from(value.name).length).toBeLessThanOrEqual(6);
      expect((value.sizes ?? []).every(Number.isInteger)).toBe(true);
    }
  });

  test('may choose exactly the tokens of a mask', () => {
    const constraint = new TokenConstraint(jsonGrammar(schema, 'schema'), tokenizer, tokenizer.stopIds);
    const logits = new Float32Array(tokenizer.vocabularySize);
    constraint.mask(logits);
    const allowed = [...logits.keys()].filter((token) => logits[token] === 0);
    expect(allowed.length).toBeGreaterThan(0);
    expect(allowed).toEqual([...logits.keys()].filter((token) => constraint.allows(token)));
    for (const token of allowed) expect(tokenizer.decode([token]).trim()).toMatch(/^\{/);
  });
});

test('a model whose tokens cannot write JSON says so', async () => {
  // It has no brace.
  const tokenizer = await loadTokenizer(join(fixtures, 'unigram'));
  const constraint = new TokenConstraint(jsonGrammar(undefined, 'schema'), tokenizer, tokenizer.stopIds);
  expect(() => constraint.mask(new Float32Array(tokenizer.vocabularySize))).toThrow(
    expect.objectContaining({ code: 'unsupported', details: { param: 'response_format' } }) as Error,
  );
});
