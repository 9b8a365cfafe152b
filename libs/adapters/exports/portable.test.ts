import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { list } from 'tar';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { archive, archiveFile } from '#adapters/exports/archive.js';
import { portable } from '#adapters/exports/portable.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { mergeDelta } from '#lora/merge-delta.js';
import { factorsOf } from '#lora/variants/registry.js';
import { sizeOf } from '#base/shapes.js';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/lora');

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'portable-'))));
afterEach(() => rm(scratch, { recursive: true }));

async function exported(name: string) {
  const [adapter, output] = [await openAdapter(join(fixtures, name, 'final')), join(scratch, 'out')];
  await portable.write({ baseFolder: '', member: { adapter, weight: 1 }, output, dtype: 'f32' });
  const config = JSON.parse(await readFile(join(output, 'adapter_config.json'), 'utf8')) as object;
  return { adapter, config, made: await readAdapter(output) };
}

test.each([
  ['patterns'],
  ['all-linear-rslora'],
  ['layers-to-transform'],
  ['regex-one-layer'],
  ['exclude'],
  ['qv'],
])('%s means the same with one rank, alpha equal to it and no patterns', async (name) => {
  const { adapter, config, made } = await exported(name);
  const r = Math.max(...[...adapter.modules.values()].map((module) => module.r));
  expect(config).toMatchObject({ r, lora_alpha: r, use_rslora: false, rank_pattern: {}, alpha_pattern: {} });
  expect([...made.modules.keys()].toSorted()).toEqual([...adapter.modules.keys()].toSorted());
  for (const [path, module] of made.modules) {
    const before = adapter.modules.get(path)!;
    const zeros = () => new Float32Array(sizeOf([before.outFeatures, before.inFeatures]));
    const theirs = mergeDelta(zeros(), factorsOf(before, await adapter.readNumbers(path)), before);
    const ours = mergeDelta(zeros(), factorsOf(module, module.numbers), module);
    expect([module.r, module.scale]).toEqual([r, 1]);
    for (const [i, value] of ours.entries()) expect(value).toBeCloseTo(theirs[i]!, 6);
  }
});

test('an adapter on a model that PEFT found by its class has no task there either', async () => {
  const { config, ...rest } = await openAdapter(join(fixtures, 'qv', 'final'));
  const auto_mapping = {
    base_model_class: 'ViTModel',
    parent_library: 'transformers.models.vit.modeling_vit',
  };
  const adapter = { ...rest, config: { ...config, task_type: null, auto_mapping } };
  const output = join(scratch, 'out');
  await portable.write({ baseFolder: '', member: { adapter, weight: 1 }, output, dtype: 'f32' });
  const written = JSON.parse(await readFile(join(output, 'adapter_config.json'), 'utf8')) as object;
  expect(written).toMatchObject({ task_type: null, auto_mapping });
});

test('as an archive its files lie at the root, and it is the same whenever it is made', async () => {
  const adapter = await openAdapter(join(fixtures, 'patterns', 'final'));
  const member = { adapter, weight: 1 };
  const archives: Buffer[] = [];
  for (const name of ['first', 'second']) {
    const output = join(scratch, name);
    await archive.write({ baseFolder: '', member, output, dtype: 'f32' });
    expect(await readdir(output)).toEqual([archiveFile]);
    archives.push(await readFile(join(output, archiveFile)));
  }
  expect(archives[0]!.equals(archives[1]!)).toBe(true);
  const entries: string[] = [];
  await list({ file: join(scratch, 'first', archiveFile), onReadEntry: ({ path }) => entries.push(path) });
  expect(entries).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
});

test.each([
  ['dora', /as a portable adapter: DoRA .* merged/],
  ['lora-bias', /as a portable adapter: lora_bias/],
  ['modules-to-save-head', /as a portable adapter: weights of the base itself/],
])('%s is refused with the reason and what would do', async (name, message) => {
  await expect(exported(name)).rejects.toThrow(message);
});
