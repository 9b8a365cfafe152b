import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unflattenModules } from '#adapters/flat-factors.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { parseLoraConfig } from '#lora/config.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { startingAdapter } from '#training/starting-adapter.js';

let folder: string;
let model: ModelFolder;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starting-adapter-'));
  model = await openModelFolder(join(import.meta.dirname, '../../test/fixtures/families/llama'));
});
afterEach(() => rm(folder, { recursive: true }));

const lora = parseLoraConfig({ r: 4, target_modules: ['q_proj'] });

async function fresh(seed: number): Promise<Float32Array> {
  const { parameters } = await startingAdapter(model, lora, null, seed);
  return parameters();
}

test('a new adapter follows from the seed', async () => {
  expect(await fresh(1)).toEqual(await fresh(1));
  expect(await fresh(2)).not.toEqual(await fresh(1));
});

test('another adapter is gone on with as it is, under its own configuration unless one is given', async () => {
  const initAdapter = join(folder, 'a');
  const parameters = (await fresh(3)).map((value, i) => value + i);
  const { plan } = await startingAdapter(model, lora, null, 3);
  await writeAdapter(initAdapter, {
    config: plan.config,
    modules: unflattenModules(plan.modules, parameters),
  });

  const own = await startingAdapter(model, null, initAdapter, 1);
  expect(await own.parameters()).toEqual(parameters);
  expect(own.digest).toMatch(/^[0-9a-f]{64}$/);
  const withDropout = await startingAdapter(model, { ...lora, lora_dropout: 0.1 }, initAdapter, 1);
  expect(withDropout.plan.config.lora_dropout).toBe(0.1);

  await expect(startingAdapter(model, { ...lora, r: 8 }, initAdapter, 1)).rejects.toMatchObject({
    code: 'init_adapter_mismatch',
    message: expect.stringContaining('q_proj has r 4, not 8') as unknown,
  });
  const others = { ...lora, target_modules: ['v_proj'] };
  await expect(startingAdapter(model, others, initAdapter, 1)).rejects.toMatchObject({
    code: 'init_adapter_mismatch',
  });
});

test('layers without factors start as in a new adapter, and it is said so', async () => {
  const initAdapter = join(folder, 'a');
  const { plan } = await startingAdapter(model, lora, null, 3);
  const parameters = (await fresh(3)).map((value, i) => value + i);
  const trained = unflattenModules(plan.modules, parameters);
  const last = plan.modules.at(-1)!.path;
  const without = {
    ...plan.config,
    target_modules: plan.modules.map(({ path }) => path).filter((path) => path !== last),
  };
  await writeAdapter(initAdapter, {
    config: without,
    modules: trained.filter(({ path }) => path !== last),
  });
  // As if training had touched the other layers alone.
  const file = join(initAdapter, 'adapter_config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...config, target_modules: ['q_proj'] }));

  const started = await startingAdapter(model, null, initAdapter, 3);
  expect(started.notes).toEqual([expect.stringContaining(last)]);
  const found = unflattenModules(plan.modules, await started.parameters());
  const untouched = unflattenModules(plan.modules, await fresh(3));
  expect(found).toEqual([...trained.slice(0, -1), untouched.at(-1)]);
});
