import { describe, expect, test } from 'vitest';
import { type Adapter, adapterSource } from '#adapters/adapter.js';
import { type FlatAdapter, unflattenModules } from '#adapters/flat-factors.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { selectorLayout } from '#lora/adapter-layout.js';
import { factorsOf } from '#lora/variants/registry.js';
import { viewOf } from '#nn/flat-state.js';
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

/** The composition as an adapter, from its numbers alone: each row of A times its number in the selector. */
function asAdapter({ modules, parameters, selector }: FlatAdapter): Adapter {
  const selectors = selectorLayout(modules).entries.map((entry) => viewOf(selector!, entry));
  const entries = unflattenModules(modules, parameters).map((module, i) => {
    const { A, B } = factorsOf(module, module.numbers);
    const selected = A.map((a, at) => a * selectors[i]![Math.floor(at / module.inFeatures)]!);
    return [module.path, { ...module, numbers: { A: selected, B } }] as const;
  });
  return { ...adapters[0]!, modules: new Map(entries) };
}

/** The largest relative distance of a layer from the exact sum. */
function distance(adapter: FlatAdapter, weights: readonly number[]): number {
  const terms = adapters.map((adapter, i) => ({ adapter, weight: weights[i]! }));
  const sum = (path: string) => denseSum([{ adapter: asAdapter(adapter), weight: 1 }], path);
  return Math.max(...[q, v].map((path) => relativeDistance(denseSum(terms, path), sum(path))));
}

describe('the numbers are the exact sum', () => {
  test('for the weights at the start, with the ranks of the members together', async () => {
    const live = await LiveComposition.open(members([0.7, -0.2, 0.5]));
    expect(live.modules).toMatchObject([
      { path: q, r: 3, scale: 1 },
      { path: v, r: 6, scale: 1 },
    ]);
    expect(distance(live.withWeights(), [0.7, -0.2, 0.5])).toBeLessThan(1e-6);
  });

  test('for any other weights', async () => {
    const live = await LiveComposition.open(members([1, 0, 0]));
    for (const weights of [
      [0, 1, 0],
      [0.3, 1, -2],
      [0.3, 1, 5],
      [1, 1, 1],
    ]) {
      expect(distance(live.withWeights(weights), weights)).toBeLessThan(1e-6);
    }
  });
});

test('other weights share the factors and leave the numbers of before as they were', async () => {
  const live = await LiveComposition.open(members([1, 2, 3]));
  const first = live.withWeights();
  const before = first.selector!.slice();
  const second = live.withWeights([0.1, 0, -0.7]);
  expect(second.parameters).toBe(first.parameters);
  expect(first.selector).toEqual(before);
  const opened = await LiveComposition.open(members([0.1, 0, -0.7]));
  expect(second).toEqual(opened.withWeights());
});

test('all weights may become 0, which is the base model', async () => {
  const live = await LiveComposition.open(members([1, 2, 3]));
  const { selector } = live.withWeights([0, 0, 0]);
  expect(selector!.every((value) => value === 0)).toBe(true);
});

test('one adapter against itself is exactly nothing', async () => {
  const [first] = adapters;
  const live = await LiveComposition.open(members([1, -1], [first!, first!]));
  expect(live.withWeights().selector!.every((value) => value === 0)).toBe(true);
});

test('weights that are no numbers or too few are refused', async () => {
  const live = await LiveComposition.open(members([1, 2, 3]));
  expect(() => live.withWeights([1, NaN, 3])).toThrow(/weight of member 1 is NaN/);
  expect(() => live.withWeights([1])).toThrow(/1 weights for 3 adapters/);
});
