import { describe, expect, test } from 'vitest';
import { initialiseAdapter } from '#adapters/initialise.js';
import type { RandomSource } from '#adapters/initialise.js';
import { streamKey, uniformAt } from '#jit/random.js';

const random: RandomSource = {
  uniform: (site, index) => uniformAt(streamKey(7, 0, site), index),
};
const modules = ['a', 'b'].map((path) => ({
  path,
  r: 16,
  loraAlpha: 16,
  scale: 1,
  inFeatures: 400,
  outFeatures: 300,
}));

const deviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
const largest = (values: Float32Array) => Math.max(...values.map(Math.abs));

describe('the spread is that of PEFT', () => {
  test('true: A uniform in 1 / sqrt(inFeatures), B zero', () => {
    const { A, B } = initialiseAdapter(modules, true, random).get('a')!;
    const bound = 1 / Math.sqrt(400);
    expect(largest(A)).toBeLessThanOrEqual(bound);
    expect(largest(A)).toBeGreaterThan(0.99 * bound);
    expect(deviation(A) / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(largest(B)).toBe(0);
    expect([A.length, B.length]).toEqual([16 * 400, 300 * 16]);
  });

  test('gaussian: A normal with deviation 1 / r, B zero', () => {
    const { A, B } = initialiseAdapter(modules, 'gaussian', random).get('a')!;
    expect(deviation(A) * 16).toBeCloseTo(1, 1);
    expect(largest(A) * 16).toBeGreaterThan(3);
    expect(largest(B)).toBe(0);
  });

  test('false: both uniform, B in 1 / sqrt(r)', () => {
    const { A, B } = initialiseAdapter(modules, false, random).get('a')!;
    expect(deviation(A) / (1 / Math.sqrt(400) / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(deviation(B) / (1 / Math.sqrt(16) / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(largest(B)).toBeLessThanOrEqual(1 / 4);
  });
});

test('the numbers of a layer depend on its path alone, not on the layers beside it', () => {
  const both = initialiseAdapter(modules, true, random);
  const alone = initialiseAdapter(modules.slice(1), true, random);
  expect(alone.get('b')).toEqual(both.get('b'));
  expect(both.get('a')!.A).not.toEqual(both.get('b')!.A);
});
