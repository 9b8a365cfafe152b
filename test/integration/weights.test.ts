import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import { type FloatTensor, writeSafetensors } from '#models/safetensors-write.js';
import { openTrainingStep, runSteps } from './training-step.js';

const llama = join(import.meta.dirname, '../fixtures/families/llama-untied');
let root: string;
beforeAll(async () => void (root = await realpath(await mkdtemp(join(tmpdir(), 'weights-')))));
afterAll(() => rm(root, { recursive: true }));

/** The model's weights rounded to sixteenths of small numbers, which every storage holds exactly. */
async function roundedWeights(): Promise<Map<string, Omit<FloatTensor, 'dtype'>>> {
  const file = await readSafetensorsHeader(join(llama, 'model.safetensors'));
  const tensors = new Map<string, Omit<FloatTensor, 'dtype'>>();
  for (const [name, entry] of file.tensors) {
    const data = (await readTensorF32(file, entry)).map((value) => Math.round(value * 64) / 64);
    tensors.set(name, { data, shape: entry.shape });
  }
  return tensors;
}

async function modelFolder(name: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
  return folder;
}

async function writeModel(name: string, dtype: 'F32' | 'BF16' | 'F16'): Promise<string> {
  const folder = await modelFolder(name);
  const tensors = [...(await roundedWeights())].map(
    ([name, tensor]) => [name, { ...tensor, dtype }] as const,
  );
  await writeSafetensors(join(folder, 'model.safetensors'), new Map(tensors));
  return folder;
}

async function train(folder: string, setup: { recomputedSegments?: number; scratch?: string } = {}) {
  const step = await openTrainingStep({ folder, ...setup });
  const results = await runSteps(step);
  await step.runner.close();
  return results;
}

describe('a training step gives the same to the bit', () => {
  test('whether its weights are stored as float32, bfloat16 or float16', async () => {
    const expected = await train(await writeModel('f32', 'F32'));
    expect(expected[0]!.every((loss) => loss > 1)).toBe(true);
    for (const dtype of ['BF16', 'F16'] as const) {
      const folder = await writeModel(dtype, dtype);
      expect(await train(folder), dtype).toEqual(expected);
      expect(await train(folder, { recomputedSegments: 2 }), dtype).toEqual(expected);
    }
  });

  test('from the cache of the hub, where a model is links to files named by their digest', async () => {
    const folder = await writeModel('plain', 'BF16');
    const expected = await train(folder);
    const snapshot = await modelFolder('models--tiny/snapshots/0a1b2c');
    const blobs = join(root, 'models--tiny/blobs');
    await mkdir(blobs);
    await rename(join(folder, 'model.safetensors'), join(blobs, 'f00d'));
    await symlink('../../blobs/f00d', join(snapshot, 'model.safetensors'));
    expect(await train(snapshot)).toEqual(expected);
  });

  test('from two files that lie in different folders', async () => {
    const weights = [...(await roundedWeights())];
    const expected = await train(await writeModel('whole', 'F32'));
    const folder = await modelFolder('parts');
    const weight_map: Record<string, string> = {};
    for (const [i, part] of [weights.slice(0, 9), weights.slice(9)].entries()) {
      const name = `model-0000${i + 1}-of-00002.safetensors`;
      const place = join(root, `disk${i}`);
      await mkdir(place);
      await writeSafetensors(join(place, 'same-name'), new Map(part));
      await symlink(join(place, 'same-name'), join(folder, name));
      for (const [tensor] of part) weight_map[tensor] = name;
    }
    const index = JSON.stringify({ metadata: {}, weight_map });
    await writeFile(join(folder, 'model.safetensors.index.json'), index);
    await expect(train(folder)).rejects.toMatchObject({ code: 'weights_scattered' });
    const scratch = join(root, 'scratch');
    expect(await train(folder, { scratch })).toEqual(expected);
    expect(await readdir(scratch)).toEqual([expect.stringMatching(/^weights-/)]);
  });

  test('when two runs share the weights and take turns', async () => {
    const folder = await writeModel('shared', 'BF16');
    const expected = await train(folder);
    const steps = await Promise.all([openTrainingStep({ folder }), openTrainingStep({ folder })]);
    expect(await Promise.all(steps.map((step) => runSteps(step)))).toEqual([expected, expected]);
    await Promise.all(steps.map(({ runner }) => runner.close()));
  });
});
