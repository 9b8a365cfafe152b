import { describe, expect, test } from 'vitest';
import { adapterSource } from '#adapters/adapter.js';
import type { Adapter } from '#adapters/adapter.js';
import { Composition } from '#adapters/composition.js';
import {
  denseSum,
  layerPaths,
  layerShapes,
  randomAdapter,
  unequalMembers,
  type WeightedAdapter,
} from '../../test/random-adapters.js';

const { q } = layerPaths;
const paths = Object.keys(layerShapes);
const onlyQ = { [q]: layerShapes[q]! };

const open = (terms: readonly WeightedAdapter[]) =>
  Composition.open(
    terms.map(({ adapter, weight }, i) => ({ adapter: adapterSource(`member ${i}`, adapter), weight })),
    { conflicts: true },
  );

async function conflictsOf(terms: readonly WeightedAdapter[]) {
  const { conflicts, recipe } = (await open(terms)).report({ kind: 'stacked' });
  const weights = recipe.members.map(({ weight }) => weight);
  return conflicts!.map(({ members: [a, b], ...conflict }) => ({
    ...conflict,
    terms: [weights[a]!, weights[b]!].map((weight) => terms.find((term) => term.weight === weight)!),
  }));
}

/** The whole update of every layer that an adapter has; zeros for the others. */
const dense = (term: WeightedAdapter) =>
  paths.flatMap((path) => {
    const sum = denseSum([term], path);
    const [out, into] = layerShapes[path]!;
    return sum.length > 0 ? [...sum] : Array.from({ length: out * into }, () => 0);
  });

const withFactors = (
  adapter: Adapter,
  change: (name: 'A' | 'B', numbers: Float32Array) => Float32Array,
): Adapter => ({
  ...adapter,
  modules: new Map(
    [...adapter.modules].map(([path, module]) => [
      path,
      { ...module, numbers: { A: change('A', module.numbers['A']!), B: change('B', module.numbers['B']!) } },
    ]),
  ),
});

describe('every two members are compared', () => {
  test('their cosine and their opposed signs are those of the whole weighted updates', async () => {
    const found = await conflictsOf(unequalMembers);
    expect(found).toHaveLength(3);
    for (const { terms, cosine, opposedSigns, layers } of found) {
      const [a, b] = terms.map(dense) as [number[], number[]];
      const inner = a.reduce((sum, value, i) => sum + value * b[i]!, 0);
      expect(cosine).toBeCloseTo(inner / (Math.hypot(...a) * Math.hypot(...b)), 10);
      expect(layers).toBe(
        paths.filter((path) => terms.every((term) => denseSum([term], path).length > 0)).length,
      );
      // Three pairs share the rows that are looked at: 21 of 24, 12 and 20 rows.
      const products = a.map((value, i) => value * b[i]!).filter((product) => product !== 0);
      const opposed = products.filter((product) => product < 0).length / products.length;
      expect(opposedSigns).toBeCloseTo(opposed, 1);
    }
  });

  test('an adapter and its opposite differ in every sign and share their subspace', async () => {
    const adapter = randomAdapter(1, { r: 3, target_modules: ['q_proj'] }, onlyQ);
    const opposite = withFactors(adapter, (name, numbers) =>
      name === 'B' ? numbers.map((value) => -value) : numbers,
    );
    const [conflict] = await conflictsOf([
      { adapter, weight: 1 },
      { adapter: opposite, weight: 2 },
    ]);
    expect(conflict!.cosine).toBeCloseTo(-1, 12);
    expect(conflict!.opposedSigns).toBe(1);
    expect(conflict!.angle).toBeCloseTo(0, 4);
  });

  test('a negative weight turns agreement into conflict', async () => {
    const adapter = randomAdapter(1, { r: 3, target_modules: ['q_proj'] }, onlyQ);
    const half = withFactors(adapter, (name, numbers) =>
      name === 'B' ? numbers.map((value) => value / 2) : numbers,
    );
    const composition = await open([
      { adapter, weight: 1 },
      { adapter: half, weight: 1 },
    ]);
    const measured = (weights: readonly number[]) =>
      composition.report({ kind: 'stacked' }, weights).conflicts![0]!;
    expect(measured([1, 1])).toMatchObject({ opposedSigns: 0 });
    expect(measured([1, -0.5])).toMatchObject({ opposedSigns: 1 });
    expect(measured([1, -0.5]).cosine).toBeCloseTo(-1, 12);
  });

  test('members that write into different rows stand at a right angle', async () => {
    const [out] = layerShapes[q]!;
    const half = (seed: number, isFirst: boolean) =>
      withFactors(randomAdapter(seed, { r: 2, target_modules: ['q_proj'] }, onlyQ), (name, numbers) =>
        name === 'A' ? numbers : numbers.map((value, i) => ((i < out ? isFirst : !isFirst) ? value : 0)),
      );
    const [conflict] = await conflictsOf([
      { adapter: half(1, true), weight: 1 },
      { adapter: half(2, false), weight: 2 },
    ]);
    expect(conflict!.angle).toBeCloseTo(90, 6);
    expect(conflict!.cosine).toBeCloseTo(0, 12);
    expect(conflict!.opposedSigns).toBe(0);
  });

  test('members of different layers have nothing to compare', async () => {
    const at = (seed: number, path: string) =>
      randomAdapter(
        seed,
        { r: 2, target_modules: [path.split('.').at(-1)!] },
        { [path]: layerShapes[path]! },
      );
    const [conflict] = await conflictsOf([
      { adapter: at(1, q), weight: 1 },
      { adapter: at(2, layerPaths.down), weight: 2 },
    ]);
    expect(conflict).toMatchObject({ layers: 0, cosine: 0, opposedSigns: 0 });
  });
});

test('the curve of kept energy has at each rank what that rank keeps', async () => {
  const composition = await open(unequalMembers);
  const { energyByRank } = composition.report({ kind: 'stacked' });
  expect(energyByRank).toHaveLength(composition.stackRank);
  for (const [i, energy] of energyByRank.entries()) {
    const { overall } = composition.report({ kind: 'rank', rank: i + 1 });
    expect(energy).toBeCloseTo(overall.keptEnergy, 12);
  }
  expect(energyByRank.at(-1)).toBe(1);
});
