import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MeasuredFile } from '#jobs/measure-data.js';
import { PlanError, planJob, type PlanRequest } from '#jobs/plan.js';
import { writeTinyJob } from '../../test/e2e/tiny-job.js';

let folder: string;
let request: PlanRequest;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plan-'));
  const job = await writeTinyJob(folder);
  const { seed: _, ...training } = job.training as Record<string, unknown>;
  request = {
    base: { name: 'tiny', folder: join(folder, 'model'), identity: 'sha256:1' },
    lora: job.lora,
    training,
    device: 'auto',
    seed: 7,
    initAdapter: null,
  };
});
afterAll(() => rm(folder, { recursive: true }));

function fileOf(content: string): MeasuredFile {
  const bytes = Buffer.from(content);
  return {
    name: 'train.jsonl',
    bytes: bytes.length,
    open: (length) => Promise.resolve(Readable.from([bytes.subarray(0, length)])),
  };
}

async function stored(name: string): Promise<MeasuredFile> {
  return fileOf(await readFile(join(folder, name), 'utf8'));
}

async function problemsOf(
  changes: Partial<PlanRequest>,
  data?: MeasuredFile,
): Promise<Record<string, string>> {
  const planned = planJob({ ...request, ...changes }, data && { training: data, validation: null });
  const error: unknown = await planned.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(PlanError);
  return Object.fromEntries((error as PlanError).problems.map(({ field, message }) => [field, message]));
}

test('a plan tells modules, parameters and bytes without any data', async () => {
  const plan = await planJob(request);
  expect(
    plan.modules.map(({ path, inFeatures, outFeatures, r }) => [path, inFeatures, outFeatures, r]),
  ).toEqual([
    ['model.layers.0.self_attn.q_proj', 32, 32, 4],
    ['model.layers.0.self_attn.v_proj', 32, 16, 4],
    ['model.layers.1.self_attn.q_proj', 32, 32, 4],
    ['model.layers.1.self_attn.v_proj', 32, 16, 4],
  ]);
  expect(plan.trainableParameters).toBe(2 * 4 * (64 + 48));
  expect(plan.adapterBytes).toBeGreaterThan(4 * plan.trainableParameters);
  expect(plan).toMatchObject({ data: null, choices: null, totalSteps: null, warnings: [] });
});

test('with data it counts what the trainer will count', async () => {
  const data = { training: await stored('train.jsonl'), validation: await stored('validation.jsonl') };
  const plan = await planJob(request, data);
  // The numbers of the trainer's own report on this job.
  expect(plan.data?.training).toMatchObject({ examples: 50, tokens: 1883, estimated: false });
  expect(plan.data?.validation?.examples).toBe(10);
  expect(plan.data?.training.example.some(({ trained }) => trained)).toBe(true);
  const { lengths, shown } = plan.data!.training;
  expect(lengths.counts.reduce((sum, count) => sum + count, 0)).toBe(50);
  expect(lengths.max).toBeLessThanOrEqual(lengths.width * lengths.counts.length);
  expect(shown.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
  expect(shown[0]!.pieces).toEqual(plan.data!.training.example);
  expect(plan.totalSteps).toBe(20);
  expect(plan.run?.steps).toBe(20);
  expect(plan.run?.stepOperations).toBeGreaterThan(0);
  expect(plan.choices?.map(({ option }) => option)).toContain('block_length');
});

test('examples are shown up to the length of a block', async () => {
  const training = { ...(request.training as object), block_length: 16 };
  const data = { training: await stored('train.jsonl'), validation: null };
  const [first] = (await planJob({ ...request, training }, data)).data!.training.shown;
  expect(first).toMatchObject({ line: 1, shownTokens: 16 });
  expect(first!.tokens).toBeGreaterThan(16);
});

test('a large file is judged by its beginning', async () => {
  const rows = (await readFile(join(folder, 'train.jsonl'), 'utf8')).repeat(300);
  expect(rows.length).toBeGreaterThan(1 << 20);
  const plan = await planJob(request, { training: fileOf(rows), validation: null });
  expect(plan.data?.training.estimated).toBe(true);
  expect(plan.data?.training.examples).toBeGreaterThan(14_900);
  expect(plan.data?.training.examples).toBeLessThan(15_100);
});

test('names that hit nothing are a warning', async () => {
  const plan = await planJob({ ...request, lora: { target_modules: ['q_proj', 'qproj'] } });
  expect(plan.warnings).toEqual([
    { code: 'unmatched_names', message: 'lora.target_modules: qproj names nothing in this model' },
  ]);
});

describe('a job that cannot be', () => {
  test('is refused with every field that is wrong', async () => {
    const problems = await problemsOf({
      training: { learning_rate: 'fast', epochs: 3 },
      lora: { r: 0, use_dora: true },
    });
    expect(Object.keys(problems).toSorted()).toEqual(['lora.r', 'training.epochs', 'training.learning_rate']);
    expect(problems['training.epochs']).toContain('n_epochs');
  });

  test('is refused for what is not supported', async () => {
    expect(await problemsOf({ lora: { use_dora: true } })).toEqual({
      'lora.use_dora': 'is not supported; leave it out',
    });
  });

  test('is refused for modules that the model has not, and blocks that it cannot read', async () => {
    const problems = await problemsOf({ lora: { target_modules: ['wq'] }, training: { block_length: 256 } });
    expect(problems['lora.target_modules']).toContain('names no linear layer');
    expect(problems['training.block_length']).toContain('128');
  });

  test('is refused with the lines of its data', async () => {
    const rows = [{ messages: [{ role: 'user', content: 'only asked' }] }, { text: 'other kind' }];
    const data = fileOf(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
    const planned = planJob(request, { training: data, validation: null });
    await expect(planned).rejects.toMatchObject({
      code: 'job_invalid',
      problems: expect.arrayContaining([
        expect.objectContaining({ field: 'training_file', line: 2, code: 'mixed_row_kinds' }),
      ]) as unknown,
    });
  });

  test('is refused for an adapter of another base or shape', async () => {
    const config = { r: 8, target_modules: ['q_proj'] };
    const adapter = { id: 'adapter-1', config, baseIdentity: 'sha256:1' };
    expect(await problemsOf({ initAdapter: adapter })).toHaveProperty('init_adapter');
    expect(
      await problemsOf({ lora: null, initAdapter: { ...adapter, baseIdentity: 'sha256:2' } }),
    ).toHaveProperty('init_adapter');
    const plan = await planJob({ ...request, lora: null, initAdapter: adapter });
    expect(plan.lora).toMatchObject({ r: 8, target_modules: ['q_proj'] });
  });

  test('is refused for recomputation where TensorFlow.js computes', async () => {
    const problems = await problemsOf({ training: { recompute: true }, device: 'eager' });
    expect(Object.keys(problems)).toEqual(['training.recompute']);
  });
});
