import { describe, expect, test } from 'vitest';
import { adapterSource } from '#adapters/adapter.js';
import type { Adapter } from '#adapters/adapter.js';
import { unflattenFactors } from '#adapters/flat-factors.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { denseSum, randomAdapter, relativeDistance } from '../../test/random-adapters.js';

const q = 'model.layers.0.self_attn.q_proj';
const v = 'model.layers.0.self_attn.v_proj';
/** One layer whose A is the smaller factor, and one whose B is. */
const shapes = { [q]: [30, 20], [v]: [10, 20] } as const;
const adapters = [
  randomAdapter(1, { r: 2, lora_alpha: 6, target_modules: ['q_proj', 'v_proj'] }, shapes),
  randomAdapter(2, { r: 3, use_rslora: true, target_modules: ['v_proj'] }, { [v]: shapes[v] }),
  randomAdapter(3, { r: 1, lora_alpha: 2, target_modules: ['q_proj', 'v_proj'] }, shapes),
];
const members = (weights: readonly number[], chosen: readonly Adapter[] = adapters) =>
  chosen.map((adapter, i) => ({ adapter: adapterSource(`member ${i}`, adapter), weight: weights[i]! }));

/** The composition as an adapter, from its flat vector alone. */
function asAdapter({ modules, parameters }: LiveComposition): Adapter {
  const factors = unflattenFactors(adapterLayout(modules), parameters);
  const entries = modules.map(
    (module) => [module.path, { ...module, ...factors.get(module.path)! }] as const,
  );
  return { ...adapters[0]!, modules: new Map(entries) };
}

/** The largest relative distance of a layer from the exact sum. */
function distance(live: LiveComposition, weights: readonly number[]): number {
  const terms = adapters.map((adapter, i) => ({ adapter, weight: weights[i]! }));
  const sum = (path: string) => denseSum([{ adapter: asAdapter(live), weight: 1 }], path);
  return Math.max(...[q, v].map((path) => relativeDistance(denseSum(terms, path), sum(path))));
}

describe('the flat vector is the exact sum', () => {
  test('for the weights at the start, with the ranks of the members together', async () => {
    const live = await LiveComposition.open(members([0.7, -0.2, 0.5]));
    expect(live.modules).toMatchObject([
      { path: q, r: 3, scale: 1 },
      { path: v, r: 6, scale: 1 },
    ]);
    expect(distance(live, [0.7, -0.2, 0.5])).toBeLessThan(1e-6);
  });

  test('after every change of the weights, also away from 0', async () => {
    const live = await LiveComposition.open(members([1, 0, 0]));
    for (const weights of [
      [0, 1, 0],
      [0.3, 1, -2],
      [0.3, 1, 5],
      [1, 1, 1],
    ]) {
      live.setWeights(weights);
      expect(distance(live, weights)).toBeLessThan(1e-6);
    }
  });
});

test('weights that are set give the bits that they would have given from the start', async () => {
  const live = await LiveComposition.open(members([1, 2, 3]));
  live.setWeights([0.1, 0, -0.7]);
  expect(live.parameters).toEqual((await LiveComposition.open(members([0.1, 0, -0.7]))).parameters);
});

test('all weights may become 0, which is the base model', async () => {
  const live = await LiveComposition.open(members([1, 2, 3]));
  live.setWeights([0, 0, 0]);
  const { modules } = asAdapter(live);
  for (const { A, B, r } of modules.values()) {
    for (let k = 0; k < r; k++) {
      const rowOfA = A.subarray((k * A.length) / r, ((k + 1) * A.length) / r);
      const isZero = rowOfA.every((a) => a === 0) || B.every((b, at) => at % r !== k || b === 0);
      expect(isZero).toBe(true);
    }
  }
});

test('one adapter against itself is exactly nothing', async () => {
  const [first] = adapters;
  const live = await LiveComposition.open(members([1, -1], [first!, first!]));
  const dense = denseSum([{ adapter: asAdapter(live), weight: 1 }], q);
  expect(dense.every((value) => value === 0)).toBe(true);
});

test('weights that are no numbers or too few are refused, and nothing changes', async () => {
  const live = await LiveComposition.open(members([1, 2, 3]));
  const before = live.parameters.slice();
  expect(() => live.setWeights([1, NaN, 3])).toThrow(/weight of member 1 is NaN/);
  expect(() => live.setWeights([1])).toThrow(/1 weights for 3 adapters/);
  expect(live.parameters).toEqual(before);
});
