import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adapterSource } from '#adapters/adapter.js';
import type { Adapter } from '#adapters/adapter.js';
import { Composition } from '#adapters/composition.js';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import { readAdapter } from '#adapters/read-adapter.js';
import {
  denseSum,
  layerPaths,
  layerShapes,
  randomAdapter,
  relativeDistance,
  unequalMembers as members,
} from '../../test/random-adapters.js';
import type { WeightedAdapter } from '../../test/random-adapters.js';

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'composition-'))));
afterEach(() => rm(scratch, { recursive: true }));

const { q, q1, v, down } = layerPaths;
const only = (...paths: string[]) => Object.fromEntries(paths.map((path) => [path, layerShapes[path]!]));

type Terms = readonly WeightedAdapter[];
const listed = (terms: Terms) =>
  terms.map(({ adapter, weight }, i) => ({ adapter: adapterSource(`member ${i}`, adapter), weight }));

let folders = 0;
async function compose(terms: Terms, form: CompositionForm, weights?: readonly number[]) {
  const folder = join(scratch, String(folders++));
  const composition = await Composition.open(listed(terms));
  const report = await composition.write(folder, form, { weights });
  return { folder, report, adapter: await readAdapter(folder) };
}

const sumOf = (adapter: Adapter, path: string) => denseSum([{ adapter, weight: 1 }], path);

describe('stacked', () => {
  test('the update of every layer is the exact sum, for any ranks, scales and targets', async () => {
    const { adapter, report } = await compose(members, { kind: 'stacked' });
    expect([...adapter.modules.keys()].toSorted()).toEqual(Object.keys(layerShapes).toSorted());
    for (const path of Object.keys(layerShapes)) {
      expect(relativeDistance(denseSum(members, path), sumOf(adapter, path))).toBeLessThan(1e-6);
    }
    expect(report.overall).toMatchObject({ relativeError: 0, keptEnergy: 1 });
    expect(report.modules.map(({ rank, stackRank }) => [rank, stackRank])).toEqual([
      [4, 4],
      [9, 9],
      [4, 4],
      [8, 8],
    ]);
  });

  test('every layer has the scale 1 and its own rank, so that a reader needs no other rule', async () => {
    const { adapter } = await compose(members, { kind: 'stacked' });
    const { r, lora_alpha, rank_pattern, alpha_pattern, use_rslora, target_modules } = adapter.config;
    expect({ r, lora_alpha, use_rslora }).toEqual({ r: 9, lora_alpha: 9, use_rslora: false });
    expect(rank_pattern).toEqual({ down_proj: 4, v_proj: 4, [q1]: 8 });
    expect(alpha_pattern).toEqual(rank_pattern);
    // The second member adapts down_proj in some layers only: its name alone would promise more.
    expect(target_modules).toEqual([down, 'q_proj', 'v_proj']);
    for (const { scale } of adapter.modules.values()) expect(scale).toBe(1);
  });

  test('a stack that is taller than the layer is stored at the rank of the layer, and nothing is lost', async () => {
    const tall = [4, 5, 6].map((seed) => ({
      adapter: randomAdapter(seed, { r: 5, target_modules: ['v_proj'] }, only(v)),
      weight: seed,
    }));
    const { adapter, report } = await compose(tall, { kind: 'stacked' });
    expect(report.modules[0]).toMatchObject({ rank: 12, stackRank: 15, relativeError: 0 });
    expect(relativeDistance(denseSum(tall, v), sumOf(adapter, v))).toBeLessThan(1e-6);
  });

  test('one adapter with the weight 1 is itself', async () => {
    const [{ adapter: single }] = members as [(typeof members)[0]];
    const { adapter } = await compose([{ adapter: single, weight: 1 }], { kind: 'stacked' });
    const { A, B } = single.modules.get(q)!.numbers;
    expect(adapter.modules.get(q)!.numbers).toEqual({ A, B: B!.map((value) => 4 * value) });
  });
});

describe('truncated', () => {
  test('to a rank: no layer has more, and the error is the one that was reported', async () => {
    const { adapter, report } = await compose(members, { kind: 'rank', rank: 4 });
    let [error, norm] = [0, 0];
    for (const { path, rank, relativeError, keptEnergy, norm: reported, keptNorm } of report.modules) {
      const exact = denseSum(members, path);
      const distance = relativeDistance(exact, sumOf(adapter, path));
      expect(rank).toBe(4);
      expect(distance).toBeCloseTo(relativeError, 6);
      expect(keptEnergy).toBeCloseTo(1 - relativeError ** 2, 12);
      expect(reported).toBeCloseTo(Math.hypot(...exact), 8);
      expect(keptNorm).toBeCloseTo(Math.hypot(...sumOf(adapter, path)), 4);
      error += (distance * reported) ** 2;
      norm += reported ** 2;
    }
    expect(report.overall.relativeError).toBeCloseTo(Math.sqrt(error / norm), 6);
    expect(adapter.config).toMatchObject({ r: 4, lora_alpha: 4, rank_pattern: {}, alpha_pattern: {} });
  });

  test('a layer whose members have less rank together keeps all of it', async () => {
    const { report } = await compose(members, { kind: 'rank', rank: 7 });
    expect(report.modules.map(({ path, rank }) => [path, rank])).toEqual([
      [down, 4],
      [q, 7],
      [v, 4],
      [q1, 7],
    ]);
    expect(report.modules[0]!.relativeError).toBe(0);
  });

  test('to a share of the energy: the smallest rank that keeps it, layer by layer', async () => {
    const composition = await Composition.open(listed(members));
    const { modules, overall } = composition.report({ kind: 'energy', energy: 0.9 });
    expect(overall.keptEnergy).toBeGreaterThanOrEqual(0.9);
    for (const [i, { rank, keptEnergy, stackRank }] of modules.entries()) {
      expect(keptEnergy).toBeGreaterThanOrEqual(0.9);
      expect(rank).toBeLessThan(stackRank);
      const less = composition.report({ kind: 'rank', rank: rank - 1 }).modules[i]!;
      expect(less.keptEnergy).toBeLessThan(0.9);
    }
  });

  test('to all of the energy: what depends on the rest is left out, and nothing is lost', async () => {
    const twice = { adapter: withHalfFactor(members[0]!.adapter), weight: 2 };
    const terms = [members[0]!, twice];
    const { report, adapter } = await compose(terms, { kind: 'energy', energy: 1 });
    expect(report.modules.map(({ rank }) => rank)).toEqual([3, 3, 3]);
    expect(relativeDistance(denseSum(terms, q), sumOf(adapter, q))).toBeLessThan(1e-6);
  });

  test('the shape of each layer is reported, [out, in]', async () => {
    const { report } = await compose(members, { kind: 'rank', rank: 1 });
    for (const { path, shape } of report.modules) {
      const module = members
        .map(({ adapter }) => adapter.modules.get(path))
        .find((one) => one !== undefined)!;
      expect(shape, path).toEqual([module.outFeatures, module.inFeatures]);
    }
    expect(report.modules.some(({ shape: [out, into] }) => out !== into)).toBe(true);
  });

  test('the norm of each member is reported, 0 where it has no such layer', async () => {
    const { report } = await compose(members, { kind: 'rank', rank: 1 });
    const byDigest = report.recipe.members.map(({ weight }) => members.find((one) => one.weight === weight)!);
    for (const { path, memberNorms } of report.modules) {
      for (const [i, member] of byDigest.entries()) {
        expect(memberNorms[i]).toBeCloseTo(Math.hypot(...denseSum([member], path)), 8);
      }
    }
  });
});

/** Another adapter whose factors B are others. */
function withFactor(adapter: Adapter, change: (value: number, i: number) => number): Adapter {
  const modules = [...adapter.modules].map(
    ([path, module]) =>
      [path, { ...module, numbers: { ...module.numbers, B: module.numbers['B']!.map(change) } }] as const,
  );
  return { ...adapter, modules: new Map(modules) };
}

/** Another adapter whose update is half as large and spans the same space. */
const withHalfFactor = (adapter: Adapter) => withFactor(adapter, (value) => value / 2);

describe('what cancels is exactly zero', () => {
  const [{ adapter }] = members as [(typeof members)[0]];
  const copy: Adapter = { ...adapter, config: { ...adapter.config, lora_dropout: 0.1 } };
  const terms = [
    { adapter, weight: 1 },
    { adapter: copy, weight: -1 },
  ];

  test.each([{ kind: 'stacked' }, { kind: 'rank', rank: 2 }, { kind: 'energy', energy: 0.5 }] as const)(
    'in the form $kind',
    async (form) => {
      const { adapter: composed, report } = await compose(terms, form);
      for (const { numbers } of composed.modules.values()) {
        expect(numbers['B']!.every((value) => Object.is(value, 0))).toBe(true);
        expect(numbers['A']!.every(Number.isFinite)).toBe(true);
      }
      expect(report.overall).toEqual({ norm: 0, keptNorm: 0, relativeError: 0, keptEnergy: 1 });
    },
  );

  test('two adapters that differ a little leave their difference, right to the precision of their numbers', async () => {
    const near = withFactor(adapter, (value, i) => value + (i % 3 === 0 ? 1e-4 : 0));
    const difference = [
      { adapter, weight: 1 },
      { adapter: near, weight: -1 },
    ];
    const { adapter: composed, report } = await compose(difference, { kind: 'energy', energy: 1 });
    expect(report.modules.map(({ rank }) => rank)).toEqual([1, 1, 1]);
    for (const path of [q, v]) {
      expect(relativeDistance(denseSum(difference, path), sumOf(composed, path))).toBeLessThan(1e-6);
    }
  });
});

test('progress counts layers, and a stop leaves nothing behind', async () => {
  const seen: string[] = [];
  const stop = new AbortController();
  const composition = await Composition.open(listed(members), {
    onProgress: ({ stage, done, total }) => seen.push(`${stage} ${done} of ${total}`),
  });
  const write = composition.write(
    join(scratch, 'out'),
    { kind: 'stacked' },
    {
      signal: stop.signal,
      onProgress: ({ done }) => done === 2 && stop.abort(new Error('enough')),
    },
  );
  await expect(write).rejects.toThrow('enough');
  expect(seen).toEqual([1, 2, 3, 4].map((done) => `measure ${done} of 4`));
  expect(await readdir(scratch)).toEqual([]);
});
