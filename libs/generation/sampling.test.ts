import { describe, expect, test } from 'vitest';
import { checkSampling, chooseToken, greedy, uniformFor } from '#generation/sampling.js';
import { normalAt, streamKey } from '#jit/random.js';

const logits = Float32Array.of(1, 3, -Infinity, 2, 3, 0);

/** How often each token is drawn when the random number walks through [0, 1) evenly. */
function counts(logits: Float32Array, temperature: number, topP: number, draws: number): number[] {
  const result = Array.from(logits, () => 0);
  for (let i = 0; i < draws; i++) {
    result[chooseToken(logits, { temperature, topP, seed: 0 }, (i + 0.5) / draws)]!++;
  }
  return result;
}

function softmax(logits: Float32Array, temperature: number): number[] {
  const weights = Array.from(logits, (logit) => Math.exp(logit / temperature));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

/** Tokens by probability, cut after the one that reaches topP, straight from the definition. */
function nucleus(logits: Float32Array, temperature: number, topP: number): Map<number, number> {
  const p = softmax(logits, temperature);
  const kept = new Map<number, number>();
  let sum = 0;
  for (const token of [...p.keys()].sort((a, b) => p[b]! - p[a]! || a - b)) {
    kept.set(token, p[token]!);
    sum += p[token]!;
    if (sum >= topP) break;
  }
  return new Map([...kept].map(([token, share]) => [token, share / sum]));
}

describe('greedy', () => {
  test('takes the likeliest token, of equals the first', () => {
    expect(chooseToken(logits, greedy, 0.999)).toBe(1);
  });

  test('is what a temperature close to 0 comes to', () => {
    expect(counts(Float32Array.of(0, 1, 0.999), 1e-300, 1, 50)).toEqual([0, 50, 0]);
  });
});

describe('drawing', () => {
  test('gives every token its share of the random numbers', () => {
    const draws = 10_000;
    for (const temperature of [0.5, 1, 3]) {
      const expected = softmax(logits, temperature);
      counts(logits, temperature, 1, draws).forEach((count, token) => {
        // Evenly spaced numbers hit a stretch of the line to within one of its length.
        expect(Math.abs(count - expected[token]! * draws)).toBeLessThanOrEqual(1.001);
      });
    }
  });

  test('never takes a token whose logit is minus infinity', () => {
    expect(counts(logits, 100, 1, 1000)[2]).toBe(0);
    expect(chooseToken(Float32Array.of(-Infinity, 0, -Infinity), { ...greedy, temperature: 1 }, 1)).toBe(1);
  });

  test('from a nucleus is drawing from the likeliest tokens that reach top p', () => {
    const draws = 4000;
    for (let seed = 0; seed < 20; seed++) {
      const key = streamKey(seed, 0, 'logits');
      const logits = Float32Array.from({ length: 50 }, (_, i) => 2 * normalAt(key, i));
      const topP = 0.05 + (seed * 0.9) / 20;
      const expected = nucleus(logits, 0.8, topP);
      counts(logits, 0.8, topP, draws).forEach((count, token) => {
        expect(Math.abs(count - (expected.get(token) ?? 0) * draws)).toBeLessThanOrEqual(1.001);
      });
    }
  });

  test('with a tiny top p is greedy', () => {
    expect(counts(logits, 5, 1e-9, 100)).toEqual([0, 100, 0, 0, 0, 0]);
  });
});

test('the random number is a function of seed, request and position, all of which count', () => {
  expect([0, 1, 2].map((position) => uniformFor(7, 0, position))).toEqual([
    0.4824393845628947, 0.7370327417738736, 0.009152679471299052,
  ]);
  const numbers = new Set<number>();
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 10; j++) for (let k = 0; k < 10; k++) numbers.add(uniformFor(i, j, k));
  }
  expect(numbers.size).toBe(1000);
});

test.each([
  ['NaN', [0, Number.NaN, 1]],
  ['NaN in front', [Number.NaN, 1, 2]],
  ['infinity', [0, Infinity]],
  ['nothing finite', [-Infinity, -Infinity]],
])('logits with %s are refused', (_, values) => {
  expect(() => chooseToken(Float32Array.from(values), greedy, 0)).toThrow(
    expect.objectContaining({ code: 'logits_not_finite' }),
  );
});

test.each([{ temperature: -0.1 }, { temperature: Number.NaN }, { topP: 0 }, { topP: 1.1 }, { seed: 0.5 }])(
  'the options %o are refused by name',
  (options) => {
    expect(() => checkSampling({ ...greedy, ...options })).toThrow(
      expect.objectContaining({
        code: 'sampling_invalid',
        message: expect.stringContaining(Object.keys(options)[0]!) as string,
      }),
    );
  },
);
