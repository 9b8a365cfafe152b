import { describe, expect, it } from 'vitest';
import { BytePairModel, type BytePairOptions } from '#data/byte-pair.js';
import { mix32 } from '#jit/random.js';

const LETTERS = ['a', 'b', 'c', '▁'];

/** A model with random merges over a few letters, so that pairs overlap and compete. */
function createOptions(seed: number): BytePairOptions {
  const tokens = ['<unk>', ...LETTERS];
  const merges: [string, string][] = [];
  for (let i = 0; merges.length < 25; i++) {
    const left = tokens[1 + (mix32(seed + 2 * i) % (tokens.length - 1))]!;
    const right = tokens[1 + (mix32(seed + 2 * i + 1) % (tokens.length - 1))]!;
    if ((left + right).length > 6) continue;
    merges.push([left, right]);
    if (!tokens.includes(left + right)) tokens.push(left + right);
  }
  return {
    vocabulary: new Map(tokens.map((token, id) => [token, id])),
    merges,
    byteLevel: false,
    byteFallback: false,
    fuseUnknown: true,
    ignoreMerges: false,
    unknownToken: '<unk>',
  };
}

function randomWord(seed: number, length: number, letters: readonly string[]): string {
  return Array.from({ length }, (_, i) => letters[mix32(seed * 1000 + i) % letters.length]).join('');
}

/** Byte-pair encoding as it is defined: of all pairs, join the leftmost of the lowest rank, until none is left. */
function encodeByDefinition(word: string, { vocabulary, merges }: BytePairOptions): number[] {
  const ranks = new Map(merges.map(([left, right], rank) => [`${left} ${right}`, rank]));
  const symbols = Array.from(word);
  for (;;) {
    let best = Infinity;
    let place = -1;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = ranks.get(`${symbols[i]} ${symbols[i + 1]}`) ?? Infinity;
      if (rank < best) [best, place] = [rank, i];
    }
    if (place < 0) return symbols.map((symbol) => vocabulary.get(symbol)!);
    symbols.splice(place, 2, symbols[place]! + symbols[place + 1]!);
  }
}

describe('BytePairModel', () => {
  it.each([1, 2, 3, 4, 5])('encodes words as the definition says, rules %i', (seed) => {
    const options = createOptions(seed * 100_000);
    const model = new BytePairModel(options);
    for (let i = 0; i < 200; i++) {
      const word = randomWord(seed * 500 + i, 1 + (i % 40), LETTERS);
      expect(model.encode(word), word).toEqual(encodeByDefinition(word, options));
    }
  });

  it.each([6, 7])('gives extents that cover the word without gaps, rules %i', (seed) => {
    const model = new BytePairModel(createOptions(seed * 100_000));
    for (let i = 0; i < 50; i++) {
      const word = randomWord(seed * 500 + i, 1 + (i % 30), [...LETTERS, '数', '😀']);
      const { ids, starts, ends } = model.extents(word);
      expect(ids).toEqual(model.encode(word));
      expect(starts).toEqual([0, ...ends.slice(0, -1)]);
      expect(ends.at(-1)).toBe(word.length);
    }
  });

  it('fuses unknown characters across the places where a word may be cut', () => {
    const model = new BytePairModel(createOptions(1));
    const { ids, ends } = model.extents('数据a数');
    expect(ids.filter((id) => id === 0)).toHaveLength(2);
    expect(ends[0]).toBe(2);
  });

  it('cuts a document without pre-tokenizer into words that a cache can hold', () => {
    const vocabulary = new Map(['<unk>', 'a', 'b', '▁', 'ab', '▁ab'].map((token, id) => [token, id]));
    const merges: [string, string][] = [
      ['a', 'b'],
      ['▁', 'ab'],
    ];
    const model = new BytePairModel({ ...createOptions(1), vocabulary, merges });
    expect(model.encode('▁ab'.repeat(50_000))).toHaveLength(50_000);
    expect(new Set(model.encode('▁ab'.repeat(50_000)))).toEqual(new Set([5]));
  });
});
