import { cp, mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normalAt, streamKey } from '#jit/random.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import { openInt8Base } from '#models/int8-base.js';
import { openModelFolder } from '#models/model-folder.js';
import { weightBytes } from '#models/weight-bytes.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { readInt8Weights } from '#training/base-precision/saved-int8.js';
import { createEagerRunner, openEagerBackend } from '#training/eager-steps.js';
import type { TrainingSummary } from '#training/events.js';
import type { TrainingJobInput } from '#training/job.js';
import { nextToken } from '#training/objectives/next-token.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import { parseTrainingOptions } from '#training/options.js';
import { createStepPrograms } from '#training/step-programs.js';
import { writeTinyClassificationJob, writeTinyJob, writeTinyPreferenceJob } from '../e2e/tiny-job.js';
import { tolerances } from '../tolerances.js';
import { interrupted, runToEnd } from './whole-runs.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'int8-training-'));
  await writeTinyJob(folder);
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
      base_precision: 'int8',
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
const entries = () => readdir(join(folder, 'cache/int8'));

describe('a run in int8', () => {
  test('learns as one over the weights as stored, whose loss it starts near to', async () => {
    const stored = await runToEnd(jobOf('stored', { base_precision: 'as-stored' }));
    const stages = new Set<string>();
    const int8 = await runToEnd(
      jobOf('int8'),
      (event) => event.type === 'progress' && stages.add(event.stage),
    );
    expect(stages).toContain('quantise');
    expect(lossOf(int8)).not.toBe(lossOf(stored));
    expect(Math.abs(lossOf(int8) - lossOf(stored))).toBeLessThan(tolerances.int8Loss);
    expect(int8.last_evaluation!.loss).toBeLessThan(lossOf(int8) - 0.1);
    expect(Math.abs(int8.last_evaluation!.loss - stored.last_evaluation!.loss)).toBeLessThan(
      tolerances.int8Loss,
    );
  });

  test('has the same bits with other threads, layers recomputed or not, and in a loaded cache', async () => {
    const before = await entries();
    const made = await stat(join(folder, 'cache/int8', before[0]!, 'weights.safetensors'));
    await runToEnd(jobOf('threads', { threads: 2 }));
    await runToEnd(jobOf('recomputed', { recompute: true }));
    for (const output of ['threads', 'recomputed'])
      expect(await weightsOf(output)).toEqual(await weightsOf('int8'));
    expect(await entries()).toEqual(before);
    expect((await stat(join(folder, 'cache/int8', before[0]!, 'weights.safetensors'))).ino).toBe(made.ino);
  });

  test('goes on from a checkpoint with the same bits, also where its cache is gone', async () => {
    await interrupted(jobOf('resumed'), () => rm(join(folder, 'cache'), { recursive: true }));
    expect(await weightsOf('resumed')).toEqual(await weightsOf('int8'));
  });

  test('makes weights in the cache anew that were changed, says so, and gives the same bits', async () => {
    const [entry] = await entries();
    const events = await interrupted(jobOf('damaged'), async () => {
      const file = await open(join(folder, 'cache/int8', entry!, 'weights.safetensors'), 'r+');
      await file.write(Buffer.of(1, 2, 3, 4), 0, 4, 20_000);
      await file.close();
    });
    expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'cache_damaged' }));
    expect(await weightsOf('damaged')).toEqual(await weightsOf('int8'));
  });

  test.each([
    ['DoRA', { use_dora: true }],
    ['PiSSA', { init_lora_weights: 'pissa' }],
    ['a bias on B', { lora_bias: true }],
    ['an embedding as target', { target_modules: ['embed_tokens', 'q_proj'] }],
    ['a whole head', { modules_to_save: ['lm_head'] }],
  ])('works with %s', async (name, settings) => {
    const stored = await runToEnd(jobOf(`${name} stored`, { base_precision: 'as-stored' }, settings));
    const int8 = await runToEnd(jobOf(name, { gradient_accumulation_steps: 1 }, settings));
    expect(Math.abs(lossOf(int8) - lossOf(stored))).toBeLessThan(tolerances.int8Loss);
    expect(int8.last_evaluation!.loss).toBeLessThan(lossOf(int8));
  });
});

test('preferences are learned in int8, against what the rounded base says', async () => {
  const preferences = join(folder, 'preferences');
  await writeTinyPreferenceJob(preferences);
  const losses: number[] = [];
  for (const base_precision of ['as-stored', 'int8']) {
    const job = {
      ...jobOf(`preferences-${base_precision}`, { base_precision, method: { type: 'dpo' } }),
      baseModel: join(preferences, 'model'),
      trainingFile: join(preferences, 'train.jsonl'),
      validationFile: null,
    };
    await runToEnd(job, (event) => event.type === 'step' && event.step === 1 && losses.push(event.loss));
  }
  // At the start the adapter changes nothing: the loss is log 2 if reference and model are rounded alike.
  expect(losses).toHaveLength(2);
  for (const loss of losses) expect(Math.abs(loss - Math.LN2)).toBeLessThan(tolerances.loss);
});

test('classes are learned in int8', async () => {
  const classes = join(folder, 'classes');
  const written = await writeTinyClassificationJob(classes);
  const summaries: TrainingSummary[] = [];
  for (const base_precision of ['as-stored', 'int8']) {
    const method = written.training!.method as object;
    summaries.push(
      await runToEnd({
        ...jobOf(`classes-${base_precision}`, { base_precision, method }),
        baseModel: join(classes, 'model'),
        trainingFile: join(classes, 'train.jsonl'),
        validationFile: join(classes, 'validation.jsonl'),
      }),
    );
  }
  const [stored, int8] = summaries as [TrainingSummary, TrainingSummary];
  expect(lossOf(int8)).not.toBe(lossOf(stored));
  expect(Math.abs(lossOf(int8) - lossOf(stored))).toBeLessThan(tolerances.int8Loss);
  expect(int8.last_evaluation!.loss).toBeLessThan(lossOf(int8));
});

const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: null };

describe('int8 weights of a model', () => {
  const checkpoint = () => join(folder, 'int8/checkpoints/step-000006');
  const options = (identity: string) => ({
    identity,
    folder: join(folder, 'cache/int8'),
    onProgress: () => undefined,
    pause: () => Promise.resolve(),
    onDamage: (message: string) => expect.fail(message),
  });

  test('differ from the original by half a step, and everything else is as stored', async () => {
    const base = await openModelFolder(join(folder, 'model'));
    const weights = await readInt8Weights(checkpoint());
    const { specs } = await openInt8Base(base, weights, options('sha256:tiny'));
    expect(weights.size).toBe(15);
    const plain = frozenWeights(base.parameters);
    for (const [name, { shape, source }] of Object.entries(specs)) {
      const [actual, expected] = [
        await readFrozenWeight(source, shape),
        await readFrozenWeight(plain[name]!.source, shape),
      ];
      const largest = Math.max(...expected.map(Math.abs));
      const limit = weights.has(name) ? largest / 100 : 0;
      actual.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(limit));
    }
  });

  test('take the bytes that a plan tells of', async () => {
    const base = await openModelFolder(join(folder, 'model'));
    const { specs } = await openInt8Base(base, await readInt8Weights(checkpoint()), options('sha256:tiny'));
    const ranges = new Map<string, number>();
    for (const { source } of Object.values(specs)) {
      const all = 'ranges' in source ? [...Object.values(source.ranges), source.original] : [source];
      for (const range of all) if (range) ranges.set(`${range.file} ${range.offset}`, range.byteLength);
    }
    const total = [...ranges.values()].reduce((sum, bytes) => sum + bytes, 0);
    const { int8 } = weightBytes(base);
    expect(Math.abs(int8 - total) / total).toBeLessThan(0.02);
  });

  test('give compiled what TensorFlow.js gives on the numbers that they stand for, up to rounded activations', async () => {
    const base = await openModelFolder(join(folder, 'model'));
    const { specs: weights } = await openInt8Base(
      base,
      await readInt8Weights(checkpoint()),
      options('sha256:tiny'),
    );
    const { modules } = resolveTargetModules(base.tree, parseLoraConfig({ ...lora, lora_dropout: 0 }));
    const shape = { batch: 2, length: 32, chunkSize: 16 };
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
    const size = adapterLayout(modules).size;
    const key = streamKey(3, 0, 'factors');
    const initial = () => ({
      parameters: Float32Array.from({ length: size }, (_, i) => normalAt(key, i) / 10),
      accumulator: new Float32Array(size),
    });
    const compile = () =>
      compileProgram(accumulate.program, accumulate.spec, { device: 'cpu', recomputedSegments: 0 });
    const compiled = new CompiledRunner({ accumulate: { key: 0, compile } }, initial(), {
      device: 'cpu',
      threads: 2,
      spin: false,
      cacheFolder: undefined,
    });
    const backend = await openEagerBackend('eager', '');
    const eager = createEagerRunner(source, initial(), backend);
    const data = tokenInputs(batch, shape, batch.lossCount);
    const [actual, expected] = [
      await compiled.run('accumulate', { data }),
      await eager.run('accumulate', { data }),
    ];
    expect(Math.abs(actual['loss']![0]! - expected['loss']![0]!)).toBeLessThan(tolerances.int8Loss);
    const [gradient, exact] = [compiled.readState('accumulator'), eager.readState('accumulator')];
    const norm = (values: Float32Array) => Math.hypot(...values);
    const difference = norm(gradient.map((value, i) => value - exact[i]!)) / norm(exact);
    expect(difference).toBeLessThan(tolerances.int8Gradients);
    expect(difference).toBeGreaterThan(tolerances.compiled);
    await compiled.close();
    await eager.close();
  });

  test('that are not finite are refused by name', async () => {
    const broken = join(folder, 'broken');
    await cp(join(folder, 'model'), broken, { recursive: true });
    const base = await openModelFolder(broken);
    const name = 'model.layers.1.mlp.up_proj.weight';
    const { file, offset } = base.parameters.get(name)!;
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from(Float32Array.of(Number.NaN).buffer), 0, 4, offset + 40);
    await handle.close();
    const cache = join(folder, 'broken-cache');
    const weights = await readInt8Weights(checkpoint());
    const opening = openInt8Base(base, weights, { ...options('sha256:broken'), folder: cache });
    await expect(opening).rejects.toMatchObject({
      code: 'weight_not_finite',
      message: expect.stringContaining(name),
    });
    expect(await readdir(cache)).toEqual([]);
  });
});
