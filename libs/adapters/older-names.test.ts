import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAdapter } from '#adapters/read-adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { readModelConfig } from '#models/config.js';
import { buildModel } from '#models/families/registry.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import { writeSafetensors, type FloatTensor } from '#models/safetensors-write.js';
import { randomAdapter } from '../../test/random-adapters.js';

const vit = buildModel(
  await readModelConfig(path.join(import.meta.dirname, '../../test/fixtures/families/vit')),
);

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), 'older-names-'))));
afterEach(() => rm(scratch, { recursive: true }));

const layer = (index: number, name: string) => `vit.layers.${index}.attention.${name}`;

/** An adapter of both layers as PEFT saves it with transformers 5, and the same as it did with transformers 4. */
async function bothSpellings(): Promise<{ newer: string; older: string }> {
  const shapes = Object.fromEntries(
    [0, 1].flatMap((index) => ['q_proj', 'o_proj'].map((name) => [layer(index, name), [32, 32] as const])),
  );
  const config = {
    r: 2,
    lora_alpha: 4,
    target_modules: ['q_proj', 'o_proj'],
    rank_pattern: { 'layers.1.attention.q_proj': 3 },
  };
  const { config: written, modules } = randomAdapter(1, config, shapes);
  const newer = path.join(scratch, 'newer');
  await writeAdapter(newer, { config: written, modules: modules.values() });
  const older = path.join(scratch, 'older');
  await writeAdapter(older, { config: written, modules: modules.values() });
  const file = path.join(older, 'adapter_model.safetensors');
  const read = await readSafetensorsHeader(file);
  const renamed = new Map<string, FloatTensor>();
  for (const [name, entry] of read.tensors) {
    const olderName = name
      .replace('vit.layers.', 'vit.encoder.layer.')
      .replace('attention.q_proj', 'attention.attention.query')
      .replace('attention.o_proj', 'attention.output.dense');
    renamed.set(olderName, {
      data: await readTensorF32(read, entry),
      shape: entry.shape,
    });
  }
  await writeSafetensors(file, renamed);
  const configFile = path.join(older, 'adapter_config.json');
  const json = JSON.parse(await readFile(configFile, 'utf8')) as object;
  const names = {
    target_modules: ['query', 'attention.output.dense'],
    rank_pattern: { 'layer.1.attention.attention.query': 3 },
  };
  await writeFile(configFile, JSON.stringify({ ...json, ...names }));
  return { newer, older };
}

test('an adapter under the names of transformers 4 is the one under those of transformers 5', async () => {
  const { newer, older } = await bothSpellings();
  const expected = await readAdapter(newer, { model: vit });
  const { modules, config, missing } = await readAdapter(older, { model: vit });
  expect([...modules]).toEqual([...expected.modules]);
  expect(missing).toEqual([]);
  expect(modules.get(layer(1, 'q_proj'))!.r).toBe(3);
  expect(config.target_modules).toEqual(
    [0, 1].flatMap((index) => [layer(index, 'o_proj'), layer(index, 'q_proj')]),
  );
});

test('an adapter under the names of the tree keeps its configuration', async () => {
  const { newer } = await bothSpellings();
  const { config } = await readAdapter(newer, { model: vit });
  expect(config.target_modules).toEqual(['o_proj', 'q_proj']);
});
