import { cp, mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normalAt, streamKey } from '#jit/random.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { chooseBits, openBlockBase } from '#models/block-base.js';
import { openModelFolder } from '#models/model-folder.js';
import { weightBytes } from '#models/weight-bytes.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { createEagerRunner, openEagerBackend } from '#training/eager-steps.js';
import type { TrainingEvent, TrainingSummary } from '#training/events.js';
import type { TrainingJobInput } from '#training/job.js';
import { nextToken } from '#training/objectives/next-token.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import { parseTrainingOptions } from '#training/options.js';
import { createStepPrograms } from '#training/step-programs.js';
import { writeTinyJob, writeTinyModel } from '../e2e/tiny-job.js';
import { relativeError, tolerances } from '../tolerances.js';
import { interrupted, runToEnd } from './whole-runs.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'int4-training-'));
  await writeTinyJob(folder);
  // Rows of 64 fill blocks of 4 bits; those of the last projection, 48, none at all.
  await writeTinyModel(join(folder, 'model'), { hidden_size: 64 });
});
afterAll(() => rm(folder, { recursive: true }));

const lora = { r: 4, lora_alpha: 6, target_modules: ['q_proj', 'v_proj', 'down_proj'], lora_dropout: 0.1 };

function jobOf(output: string, options: object = {}, settings: object = {}): TrainingJobInput {
  return {
    baseModel: join(folder, 'model'),
    baseModelName: 'tiny/model',
    baseIdentity: 'sha256:tiny',
    trainingFile: join(folder, 'train.jsonl'),
    validationFile: join(folder, 'validation.jsonl'),
    lora: parseLoraConfig({ ...lora, ...settings }),
    options: parseTrainingOptions({
      base_precision: 'int4',
      learning_rate: 0.01,
      max_steps: 6,
      batch_size: 2,
      block_length: 128,
      threads: 1,
      checkpoint_steps: 2,
      ...options,
    }),
    outputFolder: join(folder, output),
    cacheFolder: join(folder, 'cache'),
  };
}

const weightsOf = (output: string) => readFile(join(folder, output, 'adapter/adapter_model.safetensors'));
const lossOf = ({ first_evaluation }: TrainingSummary) => first_evaluation!.loss;
const entries = () => readdir(join(folder, 'cache/blocks'));

describe('a run in int4', () => {
  test('learns as one over the weights as stored, and says which of them stay so', async () => {
    const stored = await runToEnd(jobOf('stored', { base_precision: 'as-stored' }));
    const events: TrainingEvent[] = [];
    const int4 = await runToEnd(jobOf('int4'), (event) => events.push(event));
    expect(events).toContainEqual(expect.objectContaining({ type: 'progress', stage: 'quantise' }));
    expect(events).toContainEqual(
      expect.objectContaining({
        code: 'left_as_stored',
        message: expect.stringMatching(/layers\.0\.mlp\.down_proj\.weight.*layers\.1\.mlp\.down/),
      }),
    );
    expect(lossOf(int4)).not.toBe(lossOf(stored));
    expect(Math.abs(lossOf(int4) - lossOf(stored))).toBeLessThan(tolerances.int4Loss);
    expect(int4.last_evaluation!.loss).toBeLessThan(lossOf(int4) - 0.1);
    expect(Math.abs(int4.last_evaluation!.loss - stored.last_evaluation!.loss)).toBeLessThan(
      tolerances.int4Loss,
    );
  });

  test('has the same bits with other threads and layers recomputed, over the weights that were made once', async () => {
    const [entry, ...others] = await entries();
    expect(others).toEqual([]);
    const made = await stat(join(folder, 'cache/blocks', entry!, 'weights.safetensors'));
    await runToEnd(jobOf('threads', { threads: 2 }));
    await runToEnd(jobOf('recomputed', { recompute: true }));
    for (const output of ['threads', 'recomputed'])
      expect(await weightsOf(output)).toEqual(await weightsOf('int4'));
    expect(await entries()).toEqual([entry]);
    expect((await stat(join(folder, 'cache/blocks', entry!, 'weights.safetensors'))).ino).toBe(made.ino);
  });

  test('goes on from a checkpoint with the same bits, also where its cache is gone', async () => {
    await interrupted(jobOf('resumed'), () => rm(join(folder, 'cache'), { recursive: true }));
    expect(await weightsOf('resumed')).toEqual(await weightsOf('int4'));
  });

  test('makes weights in the cache anew that were changed, says so, and gives the same bits', async () => {
    const [entry] = await entries();
    const events = await interrupted(jobOf('damaged'), async () => {
      const file = await open(join(folder, 'cache/blocks', entry!, 'weights.safetensors'), 'r+');
      await file.write(Buffer.of(1, 2, 3, 4), 0, 4, 20_000);
      await file.close();
    });
    expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'cache_damaged' }));
    expect(await weightsOf('damaged')).toEqual(await weightsOf('int4'));
  });

  test.each([
    ['DoRA', { use_dora: true }],
    ['PiSSA', { init_lora_weights: 'pissa' }],
    ['an embedding as target', { target_modules: ['embed_tokens', 'q_proj'] }],
    ['a whole head', { modules_to_save: ['lm_head'] }],
  ])('works with %s', async (name, settings) => {
    const stored = await runToEnd(jobOf(`${name} stored`, { base_precision: 'as-stored' }, settings));
    const int4 = await runToEnd(jobOf(name, {}, settings));
    expect(Math.abs(lossOf(int4) - lossOf(stored))).toBeLessThan(tolerances.int4Loss);
    expect(int4.last_evaluation!.loss).toBeLessThan(lossOf(int4));
  });
});

describe('int4 weights of a model', () => {
  const options = (identity: string) => ({
    identity,
    folder: join(folder, 'cache/blocks'),
    onProgress: () => undefined,
    pause: () => Promise.resolve(),
    onDamage: (message: string) => expect.fail(message),
  });

  test('are layers of 4 bits and a table of 8, and take the bytes that a plan tells of', async () => {
    const base = await openModelFolder(join(folder, 'model'));
    const { bits, left } = chooseBits(base, 4);
    expect(bits.get('model.embed_tokens.weight')).toBe(8);
    expect([...bits.values()].filter((width) => width === 4)).toHaveLength(12);
    expect(left).toHaveLength(2);
    const { specs } = await openBlockBase(base, 4, options('sha256:tiny'));
    let total = 0;
    for (const { source } of Object.values(specs)) {
      const ranges = 'ranges' in source ? Object.values(source.ranges) : [source];
      for (const { byteLength } of ranges) total += byteLength;
    }
    expect(weightBytes(base).int4).toBe(total);
  });

  test('give compiled what TensorFlow.js gives on the numbers that they stand for', async () => {
    const base = await openModelFolder(join(folder, 'model'));
    const { specs: weights } = await openBlockBase(base, 4, options('sha256:tiny'));
    const { modules } = resolveTargetModules(base.tree, parseLoraConfig({ ...lora, lora_dropout: 0 }));
    const shape = { batch: 2, length: 32, chunkSize: 16 };
    const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: null };
    const source = { base, modules, dropout: 0, objective: nextToken, shape, optimizer, weights };
    const { accumulate } = createStepPrograms(source);
    const tokens = Int32Array.from({ length: 64 }, (_, i) => 5 + ((i * 37) % 700));
    const lossRows = Int32Array.from({ length: 40 }, (_, i) => i);
    const batch = {
      tokens,
      positions: tokens.map((_, i) => i % 32),
      segments: new Int32Array(64).fill(1),
      lossRows,
      lossTargets: lossRows.map((row) => tokens[row + 1]!),
      lossCount: 40,
    };
    const { size } = adapterLayout(modules);
    const key = streamKey(3, 0, 'factors');
    const initial = () => ({
      parameters: Float32Array.from({ length: size }, (_, i) => normalAt(key, i) / 10),
      accumulator: new Float32Array(size),
    });
    const compile = () =>
      compileProgram(accumulate.program, accumulate.spec, { device: 'cpu', recomputedSegments: 1 });
    const compiled = new CompiledRunner({ accumulate: { key: 0, compile } }, initial(), {
      device: 'cpu',
      threads: 2,
      spin: false,
      cacheFolder: undefined,
    });
    const eager = createEagerRunner(source, initial(), await openEagerBackend('eager', ''));
    const data = tokenInputs(batch, shape, batch.lossCount);
    const [actual, expected] = [
      await compiled.run('accumulate', { data }),
      await eager.run('accumulate', { data }),
    ];
    expect(Math.abs(actual['loss']![0]! - expected['loss']![0]!)).toBeLessThan(tolerances.loss);
    const error = relativeError(compiled.readState('accumulator'), eager.readState('accumulator'));
    expect(error).toBeLessThan(tolerances.compiled);
    await compiled.close();
    await eager.close();
  });

  test('that are not finite are refused by name, and nothing is left of them', async () => {
    const broken = join(folder, 'broken');
    await cp(join(folder, 'model'), broken, { recursive: true });
    const base = await openModelFolder(broken);
    const name = 'model.layers.1.mlp.up_proj.weight';
    const { file, offset } = base.parameters.get(name)!;
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from(Float32Array.of(Number.NaN).buffer), 0, 4, offset + 40);
    await handle.close();
    const cache = join(folder, 'broken-cache');
    const opening = openBlockBase(base, 4, { ...options('sha256:broken'), folder: cache });
    await expect(opening).rejects.toMatchObject({
      code: 'weight_not_finite',
      message: expect.stringContaining(`${name} holds NaN at 10`),
    });
    expect(await readdir(cache)).toEqual([]);
  });
});
