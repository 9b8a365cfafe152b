import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readAdapter } from '#adapters/read-adapter.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { readModelConfig } from '#models/config.js';
import type * as atomicFile from '#base/atomic-file.js';
import type { Model } from '#models/model.js';
import { buildModel } from '#models/families/registry.js';
import {
  type CheckpointContent,
  openCheckpoint,
  readVectors,
  writeCheckpoint,
} from '#training/checkpoint.js';
import { CheckpointStore } from '#training/checkpoint-store.js';
import { parseTrainingOptions } from '#training/options.js';
import { type CheckpointState, type RunIdentity, startOfRun } from '#training/run-state.js';

/** The file whose writing finds the disk full. */
const full = vi.hoisted(() => ({ file: '' }));
vi.mock('#base/atomic-file.js', async (original) => {
  const actual = await original<typeof atomicFile>();
  return {
    ...actual,
    writeFlushed: (file: string, chunks: Iterable<Uint8Array>) =>
      basename(file) === full.file
        ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
        : actual.writeFlushed(file, chunks),
  };
});

let folder: string;
let model: Model;
beforeEach(async () => {
  full.file = '';
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  model = buildModel(await readModelConfig(join(import.meta.dirname, '../../test/fixtures/families/llama')));
});
afterEach(() => rm(folder, { recursive: true }));

const identity: RunIdentity = {
  engine: 'lowrank 1',
  base: 'sha256:a',
  training: { ...parseTrainingOptions({}) },
  lora: { r: 8 },
  init_adapter: null,
  tokenizer: 't',
  chat_template: 'c',
  training_file: 'd',
  validation_file: null,
};

function stateOf(step: number): CheckpointState {
  return {
    format: 1,
    identity,
    chosen: {
      learning_rate: 1e-3,
      warmup_steps: 0,
      n_epochs: 1,
      max_steps: 10,
      batch_size: 1,
      block_length: 64,
      eval_steps: null,
      sample_steps: null,
      checkpoint_steps: 1,
      load_best_model_at_end: false,
      recompute: 0,
      memory_limit_bytes: 1e9,
      threads: 2,
    },
    template_date: '2026-01-01',
    progress: { ...startOfRun, step },
    metrics_step: step,
    machine: { device: 'cpu', threads: 2, cpu: 'a processor', arch: 'x64' },
  };
}

function contentOf(step: number): CheckpointContent {
  const { modules, config } = resolveTargetModules(model, parseLoraConfig({ r: 2 }));
  const { size } = adapterLayout(modules);
  const vector = (factor: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(factor * i));
  return {
    config,
    modules,
    parameters: vector(1),
    moment1: vector(2),
    moment2: vector(3),
    state: stateOf(step),
  };
}

async function damage(file: string): Promise<void> {
  const bytes = await readFile(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await writeFile(file, bytes);
}

describe('a checkpoint', () => {
  test('gives back the bits that were written', async () => {
    const content = contentOf(3);
    await writeCheckpoint(join(folder, 'c'), content);
    expect(await openCheckpoint(join(folder, 'c'))).toEqual(content.state);
    const { parameters, moment1, moment2 } = content;
    expect(await readVectors(join(folder, 'c'), content.modules)).toEqual({
      parameters,
      moment1,
      moment2,
    });
  });

  test('is an adapter as PEFT reads it', async () => {
    await writeCheckpoint(join(folder, 'c'), contentOf(3));
    expect((await readAdapter(join(folder, 'c'), { model })).config.r).toBe(2);
  });

  test('of equal content has equal bytes', async () => {
    for (const name of ['a', 'b']) await writeCheckpoint(join(folder, name), contentOf(3));
    for (const name of await readdir(join(folder, 'a'))) {
      expect(await readFile(join(folder, 'a', name))).toEqual(await readFile(join(folder, 'b', name)));
    }
  });

  test('that was changed in any file is refused', async () => {
    await writeCheckpoint(join(folder, 'c'), contentOf(3));
    const names = await readdir(join(folder, 'c'));
    expect(names).toHaveLength(6);
    for (const name of names) {
      await cp(join(folder, 'c'), join(folder, name), { recursive: true });
      await damage(join(folder, name, name));
      await expect(openCheckpoint(join(folder, name))).rejects.toMatchObject({ code: 'checkpoint_corrupt' });
    }
  });

  test.each(['adapter_model.safetensors', 'optimizer.safetensors', 'state.json', 'manifest.json'])(
    'leaves nothing behind when the disk is full at %s',
    async (file) => {
      full.file = file;
      await expect(writeCheckpoint(join(folder, 'c'), contentOf(3))).rejects.toMatchObject({
        code: 'disk_full',
      });
      expect(await readdir(folder)).toEqual([]);
    },
  );
});

describe('the checkpoints of a run', () => {
  const nothingDamaged = () => expect.unreachable();

  test('the newest sound one is found, damaged ones are told of', async () => {
    const store = new CheckpointStore(folder);
    for (const step of [5, 10, 15]) await store.write(contentOf(step));
    expect((await store.newest(nothingDamaged))?.state.progress.step).toBe(15);
    await damage(join(store.folderOf(15), 'optimizer.safetensors'));
    await rm(join(store.folderOf(10), 'manifest.json'));
    const damaged: string[] = [];
    const found = await store.newest(({ message }) => damaged.push(message));
    expect(found?.state.progress.step).toBe(5);
    expect(damaged).toHaveLength(2);
  });

  test('none is found where there are none', async () => {
    expect(await new CheckpointStore(join(folder, 'nowhere')).newest(nothingDamaged)).toBeUndefined();
  });

  test('the newest and the best are kept', async () => {
    const store = new CheckpointStore(folder);
    for (const step of [1, 2, 3, 4]) await store.write(contentOf(step));
    await store.prune(2, 1);
    expect(await store.steps()).toEqual([1, 3, 4]);
    expect(await readdir(folder)).toHaveLength(3);
  });

  test('one that is written again stays as it was when the disk is full', async () => {
    const store = new CheckpointStore(folder);
    await store.write(contentOf(1));
    full.file = 'state.json';
    await expect(store.write(contentOf(1))).rejects.toMatchObject({ code: 'disk_full' });
    expect((await store.newest(nothingDamaged))?.state.progress.step).toBe(1);
  });

  test('what a killed process left is swept away and never taken for a checkpoint', async () => {
    const store = new CheckpointStore(folder);
    await store.write(contentOf(1));
    await cp(store.folderOf(1), join(folder, '.step-000002.0123456789ab.tmp'), { recursive: true });
    await cp(store.folderOf(1), join(folder, '.step-000003.gone'), { recursive: true });
    expect(await store.steps()).toEqual([1]);
    await store.sweep();
    expect(await readdir(folder)).toEqual(['step-000001']);
  });
});
