import { describe, expect, test } from 'vitest';
import { initialiseAdapter } from '#adapters/initialise.js';
import { streamKey, uniformAt } from '#jit/random.js';
import type { FactorInit } from '#lora/layer-kinds/layer-kind.js';
import type { RandomSource } from '#lora/random-numbers.js';
import { factorsOf, targetModule } from '#lora/variants/registry.js';

const random: RandomSource = {
  uniform: (site, index) => uniformAt(streamKey(7, 0, site), index),
};
const layer = { kind: 'linear', inFeatures: 400, outFeatures: 300 };
const modules = ['a', 'b'].map((path) => targetModule(path, layer, { r: 16, loraAlpha: 16, scale: 1 }));
const noWeights = () => Promise.reject(new Error('no weight is needed'));
const unread = { readWeight: noWeights, norms: noWeights };

/** The factors of the first layer. */
async function first(init: FactorInit) {
  const [module] = await initialiseAdapter(modules, { init, random, ...unread });
  return factorsOf(module!, module!.numbers);
}

const deviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
const largest = (values: Float32Array) => Math.max(...values.map(Math.abs));

describe('the spread is that of PEFT', () => {
  test('true: A uniform in 1 / sqrt(inFeatures), B zero', async () => {
    const { A, B } = await first(true);
    const bound = 1 / Math.sqrt(400);
    expect(largest(A)).toBeLessThanOrEqual(bound);
    expect(largest(A)).toBeGreaterThan(0.99 * bound);
    expect(deviation(A) / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(largest(B)).toBe(0);
    expect([A.length, B.length]).toEqual([16 * 400, 300 * 16]);
  });

  test('gaussian: A normal with deviation 1 / r, B zero', async () => {
    const { A, B } = await first('gaussian');
    expect(deviation(A) * 16).toBeCloseTo(1, 1);
    expect(largest(A) * 16).toBeGreaterThan(3);
    expect(largest(B)).toBe(0);
  });

  test('false: both uniform, B in 1 / sqrt(r)', async () => {
    const { A, B } = await first(false);
    expect(deviation(A) / (1 / Math.sqrt(400) / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(deviation(B) / (1 / Math.sqrt(16) / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(largest(B)).toBeLessThanOrEqual(1 / 4);
  });
});

test('the numbers of a layer depend on its path alone, not on the layers beside it', async () => {
  const start = { init: true, random, ...unread };
  const both = await initialiseAdapter(modules, start);
  const alone = await initialiseAdapter(modules.slice(1), start);
  expect(alone[0]).toEqual(both[1]);
  expect(both[0]!.numbers['A']).not.toEqual(both[1]!.numbers['A']);
});
