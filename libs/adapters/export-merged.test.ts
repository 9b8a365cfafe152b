import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adapterSource } from '#adapters/adapter.js';
import { exportMerged } from '#adapters/export-merged.js';
import { mergeDelta } from '#lora/merge-delta.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { readParameter } from '#models/frozen-weights.js';
import { factorsOf } from '#lora/variants/registry.js';
import { openModelFolder } from '#models/model-folder.js';
import type { ModelFolder } from '#models/model-folder.js';
import { readSafetensorsHeader, readTensorBytes, readTensorF32 } from '#models/safetensors.js';
import type { RowMap } from '#nn/module.js';
import { randomAdapter } from '../../test/random-adapters.js';
import { absoluteError, tolerances } from '../../test/tolerances.js';

const fixtures = join(import.meta.dirname, '../../test/fixtures');
const llama = join(fixtures, 'families/llama');
const patterns = join(fixtures, 'lora/patterns/final');

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'export-merged-'))));
afterEach(() => rm(scratch, { recursive: true }));

const weightOf = ({ parameters }: ModelFolder, name: string) => readParameter(parameters.get(name)!);

test('adapted layers hold W0 + weight * scale * B A, everything else the bits of the base', async () => {
  const members = [{ adapter: await openAdapter(patterns), weight: 0.5 }];
  await exportMerged(llama, members, join(scratch, 'merged'), { dtype: 'f32', maxShardBytes: 20_000 });
  const [base, merged] = [await openModelFolder(llama), await openModelFolder(join(scratch, 'merged'))];
  const { modules } = await readAdapter(patterns);
  for (const name of base.parameters.keys()) {
    const module = modules.get(name.replace(/\.weight$/, ''));
    const [before, after] = [await weightOf(base, name), await weightOf(merged, name)];
    const expected = module
      ? mergeDelta(before, factorsOf(module, module.numbers), { ...module, scale: module.scale / 2 })
      : before;
    expect(after).toEqual(expected);
    expect(Buffer.from(after.buffer).equals(Buffer.from(before.buffer))).toBe(module === undefined);
  }
});

test('several members are added before anything is rounded, and what cancels leaves the bits of the base', async () => {
  const adapter = await openAdapter(patterns);
  const base = join(fixtures, 'families/llama-bf16');
  const members = [
    { adapter, weight: 3 },
    { adapter, weight: -3 },
  ];
  await exportMerged(base, members, join(scratch, 'merged'), { dtype: 'bf16' });
  const data = async (file: string) => {
    const { tensors } = await readSafetensorsHeader(file);
    return Promise.all(
      [...tensors].map(
        async ([name, entry]) => [name, await readTensorBytes({ path: file }, entry)] as const,
      ),
    );
  };
  expect(new Map(await data(join(scratch, 'merged/model.safetensors')))).toEqual(
    new Map(await data(join(base, 'model.safetensors'))),
  );
});

test('weights that are stored transposed are merged as they lie', async () => {
  const [base, trained] = [join(fixtures, 'families/gpt2'), join(fixtures, 'lora/gpt2-conv1d')];
  const members = [{ adapter: await openAdapter(join(trained, 'final')), weight: 1 }];
  await exportMerged(base, members, join(scratch, 'merged'), { dtype: 'f32' });
  const merged = await openModelFolder(join(scratch, 'merged'));
  const golden = await readSafetensorsHeader(join(trained, 'expected.safetensors'));
  const names = [...golden.tensors.keys()].filter((name) => name.startsWith('merged.'));
  expect(names).not.toEqual([]);
  for (const name of names) {
    const expected = await readTensorF32(golden, golden.tensors.get(name)!);
    const error = absoluteError(await weightOf(merged, name.slice('merged.'.length)), expected);
    expect(error).toBeLessThan(tolerances.mergedWeights);
  }
});

test.each([
  ['gemma3-wrapped', 34],
  ['gemma4-wrapped', 16],
  ['mistral3-wrapped', 15],
])('parts of %s that are left alone are in the merged model as they were', async (name, otherParts) => {
  const base = await openModelFolder(join(fixtures, 'families', name));
  const path = 'model.language_model.layers.0.self_attn.q_proj';
  const { inFeatures, outFeatures } = base.tree.slotOf(path).module as RowMap;
  const config = { r: 2, target_modules: [path] };
  const adapter = randomAdapter(1, config, { [path]: [outFeatures, inFeatures] });
  const out = join(scratch, 'out');
  await exportMerged(base.folder, [{ adapter: adapterSource('random', adapter), weight: 1 }], out, {
    dtype: 'f32',
  });
  const merged = await openModelFolder(out);
  expect(base.otherParts.size).toBe(otherParts);
  expect([...merged.otherParts.keys()].toSorted()).toEqual([...base.otherParts.keys()].toSorted());
  for (const [name, before] of base.otherParts) {
    expect(await readParameter(merged.otherParts.get(name)!)).toEqual(await readParameter(before));
  }
  const q = `${path}.weight`;
  expect(await weightOf(merged, q)).not.toEqual(await weightOf(base, q));
});

test('parameters keep the names that the files of the base have for them', async () => {
  const base = await openModelFolder(join(fixtures, 'families/gpt-neox'));
  const path = 'gpt_neox.layers.0.attention.query_key_value';
  const { inFeatures, outFeatures } = base.tree.slotOf(path).module as RowMap;
  const adapter = randomAdapter(
    1,
    { r: 2, target_modules: ['query_key_value'] },
    { [path]: [outFeatures, inFeatures] },
  );
  await exportMerged(
    base.folder,
    [{ adapter: adapterSource('random', adapter), weight: 1 }],
    join(scratch, 'out'),
    { dtype: 'f32' },
  );
  const names = async (folder: string) =>
    [...(await readSafetensorsHeader(join(folder, 'model.safetensors'))).tensors.keys()].toSorted();
  expect(await names(join(scratch, 'out'))).toEqual(await names(base.folder));
});

describe('refused, and nothing is left', () => {
  test('an adapter of another model', async () => {
    const unrelated = randomAdapter(
      1,
      { r: 1, target_modules: ['q_proj'] },
      { 'model.layers.0.self_attn.q_proj': [4, 4] },
    );
    const members = [{ adapter: adapterSource('unrelated', unrelated), weight: 1 }];
    await expect(exportMerged(llama, members, join(scratch, 'out'), { dtype: 'f32' })).rejects.toMatchObject({
      code: 'adapter_mismatch',
      message: expect.stringMatching(
        /q_proj \[4, 4\]; export it with the model that it was trained on/,
      ) as string,
    });
    expect(await readdir(scratch)).toEqual([]);
  });

  test('weights that overflow the format', async () => {
    const members = [{ adapter: await openAdapter(patterns), weight: 1e9 }];
    await expect(exportMerged(llama, members, join(scratch, 'out'), { dtype: 'f16' })).rejects.toMatchObject({
      code: 'weight_not_finite',
    });
    expect(await readdir(scratch)).toEqual([]);
  });

  test('a folder that is there already', async () => {
    const members = [{ adapter: await openAdapter(patterns), weight: 1 }];
    await exportMerged(llama, members, join(scratch, 'out'), { dtype: 'f32' });
    await expect(exportMerged(llama, members, join(scratch, 'out'), { dtype: 'f32' })).rejects.toMatchObject({
      code: 'folder_exists',
    });
  });
});
