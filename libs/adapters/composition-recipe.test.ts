import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adapterSource } from '#adapters/adapter.js';
import { Composition } from '#adapters/composition.js';
import { recipeId } from '#adapters/composition-recipe.js';
import type { CompositionForm, CompositionRecipe } from '#adapters/composition-recipe.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { unequalMembers as members } from '../../test/random-adapters.js';
import type { WeightedAdapter } from '../../test/random-adapters.js';

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'composition-'))));
afterEach(() => rm(scratch, { recursive: true }));

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

describe('the recipe decides every byte', () => {
  const bytes = async (folder: string) =>
    Promise.all((await readdir(folder)).map(async (name) => [name, await readFile(join(folder, name))]));

  test.each([{ kind: 'stacked' }, { kind: 'rank', rank: 3 }, { kind: 'energy', energy: 0.8 }] as const)(
    'whatever the order of the members, in the form $kind',
    async (form) => {
      const [one, two] = [await compose(members, form), await compose(members.toReversed(), form)];
      expect(two.report.id).toBe(one.report.id);
      expect(await bytes(two.folder)).toEqual(await bytes(one.folder));
    },
  );

  test('it lies beside the weights, with its hash as the name of the composition', async () => {
    const { folder, report, adapter } = await compose(members, { kind: 'rank', rank: 3 });
    const file = JSON.parse(await readFile(join(folder, 'lowrank_recipe.json'), 'utf8')) as {
      id: string;
      recipe: CompositionRecipe;
      result: unknown;
    };
    expect(file.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(recipeId(file.recipe)).toBe(file.id);
    expect(file.id).toBe(report.id);
    expect(file.result).toMatchObject({ relative_error: report.overall.relativeError });
    expect(adapter.metadata).toEqual({ format: 'pt', lowrank_recipe: file.id });
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(
      '| form | best of rank 3; kept energy 0.',
    );
  });

  test('another weight, form or member is another recipe', async () => {
    const ids = [
      await compose(members, { kind: 'rank', rank: 3 }),
      await compose(members, { kind: 'rank', rank: 2 }),
      await compose(members, { kind: 'stacked' }),
      await compose(members, { kind: 'rank', rank: 3 }, [0.7, -0.4, 1]),
      await compose(members.slice(1), { kind: 'rank', rank: 3 }),
    ].map(({ report }) => report.id);
    expect(new Set(ids).size).toBe(5);
  });

  test('weights that are tried later give what they would have given from the start', async () => {
    const weights = [0.1, 2, -3];
    const later = await compose(members, { kind: 'rank', rank: 3 }, weights);
    const sooner = await compose(
      members.map(({ adapter }, i) => ({ adapter, weight: weights[i]! })),
      { kind: 'rank', rank: 3 },
    );
    expect(await bytes(later.folder)).toEqual(await bytes(sooner.folder));
  });
});

describe('refused', () => {
  test.each([
    [{ kind: 'rank', rank: 10 }, 'rank_above_stack', /rank 10 is above the 9 .* leave the rank out/],
    [{ kind: 'rank', rank: 0 }, 'rank_invalid', /whole number from 1 to 9/],
    [{ kind: 'rank', rank: 2.5 }, 'rank_invalid', /whole number/],
    [{ kind: 'energy', energy: 0 }, 'energy_invalid', /above 0 and at most 1/],
    [{ kind: 'energy', energy: 1.01 }, 'energy_invalid', /above 0 and at most 1/],
    [{ kind: 'energy', energy: NaN }, 'energy_invalid', /above 0 and at most 1/],
  ] as const)('the form %j', async (form, code, message) => {
    const refusal = compose(members, form);
    await expect(refusal).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect(await readdir(scratch)).toEqual([]);
  });

  test('weights that are too large for float32', async () => {
    await expect(compose(members, { kind: 'stacked' }, [1e39, 1, 1])).rejects.toMatchObject({
      code: 'adapter_not_finite',
    });
    expect(await readdir(scratch)).toEqual([]);
  });

  test.each([[[1e308, 1e308, 1]], [[1e308, -1, 1]]])(
    'weights %j, whose sum no number holds',
    async (weights) => {
      await expect(compose(members, { kind: 'rank', rank: 2 }, weights)).rejects.toMatchObject({
        code: 'weight_not_finite',
      });
    },
  );

  test('fewer weights than members', async () => {
    await expect(compose(members, { kind: 'stacked' }, [1])).rejects.toMatchObject({
      code: 'weights_miscounted',
    });
  });
});
