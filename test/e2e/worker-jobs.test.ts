/** Jobs on real workers with a real database: trained, shared out, cancelled, paused, refused. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { streamKey, uniformAt } from '#jit/random.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { isAlive, tinySteps, type WorkerProcess, WorkerStack } from './worker-stack.js';

/** How many jobs are cancelled at random moments. */
const cancels = Number(process.env['LOWRANK_CANCELS'] ?? 5);
const long = { max_steps: 2000, eval_steps: 500, checkpoint_steps: 50 };

let stack: WorkerStack;
let workers: WorkerProcess[];
beforeAll(async () => {
  stack = await WorkerStack.start();
  workers = await Promise.all([stack.startWorker(), stack.startWorker()]);
}, 120_000);
afterAll(() => stack.close());

test('a job leaves its adapter, checkpoints, metrics and events, and no work folder', async () => {
  const { id } = await stack.submit({ suffix: 'sums' });
  const job = await stack.untilOver(id);
  expect(job).toMatchObject({
    state: 'succeeded',
    error: null,
    step: tinySteps,
    totalSteps: tinySteps,
    attempt: 1,
  });
  expect(job.tokensPerSecond).toBeGreaterThan(0);
  expect(job.trainedTokens).toBeGreaterThan(0);
  expect(job.plan).toMatchObject({ trainable_parameters: 896, total_steps: tinySteps });

  const metrics = await stack.metrics(id);
  expect(metrics.map(({ seq }) => seq)).toEqual(metrics.map((_, i) => i + 1));
  const steps = metrics.filter(({ kind }) => kind === 'step').map(({ step }) => step);
  expect(steps).toEqual(Array.from({ length: tinySteps }, (_, i) => i + 1));
  const evaluations = metrics.filter(({ kind }) => kind === 'evaluation').map(({ step }) => step);
  expect(evaluations).toEqual([0, 4, 8, 12, 16, 20]);

  const events = await stack.events(id);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  const codes = events.map(({ code }) => code).filter((code) => code !== 'checkpoint.saved');
  expect(codes).toEqual([
    'job.created',
    'job.queued',
    'job.started',
    'data.prepared',
    'job.planned',
    'training.started',
    'adapter.created',
    'job.succeeded',
  ]);

  const adapter = await stack.platform.database.manager.findOneByOrFail(Adapter, { jobId: id });
  expect(adapter.name).toMatch(/^ft:tiny:default:sums:/);
  expect(adapter.files.map(({ path }) => path)).toEqual([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
  ]);
  for (const { key, bytes } of adapter.files) {
    expect((await stack.platform.objects.head(key)).bytes).toBe(bytes);
  }
  const checkpoints = await stack.platform.database.manager.find(Checkpoint, {
    where: { jobId: id },
    order: { step: 'ASC' },
  });
  expect(checkpoints.at(-1)).toMatchObject({ step: tinySteps, attempt: 1 });
  expect(checkpoints.length).toBeLessThanOrEqual(3);
  expect(checkpoints.filter(({ best }) => best)).toHaveLength(1);
  const { metrics: numbers } = checkpoints.at(-1)!;
  expect(Object.keys(numbers).toSorted()).toEqual([
    'full_valid_loss',
    'full_valid_mean_token_accuracy',
    'step',
    'train_loss',
    'train_mean_token_accuracy',
  ]);
  await expect.poll(() => readdir(join(stack.home, 'work'))).toEqual([]);
}, 60_000);

test('a worker computes nothing in its own process', async () => {
  const maps = workers.map(({ child }) =>
    readFile(`/proc/${child.pid}/maps`, 'utf8').catch(() => 'no /proc'),
  );
  for (const text of await Promise.all(maps)) expect(text).not.toContain('onnxruntime');
});

test('two workers share twenty jobs, and none is run twice', async () => {
  const training = { max_steps: 4, eval_steps: 4, checkpoint_steps: 4 };
  const jobs = await Promise.all(Array.from({ length: 20 }, () => stack.submit({ training })));
  const ended = await Promise.all(jobs.map(({ id }) => stack.untilOver(id, 120)));
  expect(ended.map(({ state }) => state)).toEqual(jobs.map(() => 'succeeded'));
  const { manager } = stack.platform.database;
  const attempts = await Promise.all(jobs.map(({ id }) => manager.findBy(Attempt, { jobId: id })));
  expect(attempts.map((own) => own.length)).toEqual(jobs.map(() => 1));
  expect(new Set(attempts.flat().map(({ workerId }) => workerId)).size).toBe(2);
  const adapters = await Promise.all(jobs.map(({ id }) => manager.findOneByOrFail(Adapter, { jobId: id })));
  expect(new Set(adapters.map(({ sha256 }) => sha256)).size).toBe(1);
}, 180_000);

test('a job on TensorFlow.js itself gives the losses of the compiled one', async () => {
  const training = { max_steps: 3, eval_steps: 3, checkpoint_steps: 3 };
  const [compiled, eager] = await Promise.all([
    stack.submit({ training, device: 'cpu' }),
    stack.submit({ training, device: 'eager' }),
  ]);
  for (const { id } of [compiled, eager]) expect((await stack.untilOver(id)).state).toBe('succeeded');
  const losses = async (id: string) =>
    (await stack.metrics(id)).map(({ values }) => values['loss'] as number);
  const [a, b] = [await losses(compiled.id), await losses(eager.id)];
  expect(a).toHaveLength(b.length);
  for (const [i, loss] of a.entries()) expect(Math.abs(loss - b[i]!)).toBeLessThan(1e-4);
}, 120_000);

describe('cancelling', () => {
  test(`at ${cancels} random moments gives one end each, and the trainers are gone`, async () => {
    for (let round = 0; round < cancels; round++) {
      const { id } = await stack.submit({ training: long });
      // From the queue to some way into the training.
      await sleep(3000 * uniformAt(streamKey(round, 0, 'cancel'), 0) ** 2);
      const pid = await stack.trainerPid(id, 1);
      const asked = performance.now();
      await stack.cancel(id);
      const job = await stack.untilOver(id);
      expect(job.state).toBe('cancelled');
      expect(performance.now() - asked).toBeLessThan(5000);
      expect(pid !== undefined && isAlive(pid)).toBe(false);
      const ends = (await stack.events(id)).filter(({ code }) =>
        /^job\.(cancelled|succeeded|failed)$/.test(code),
      );
      expect(ends).toHaveLength(1);
      expect(await stack.platform.database.manager.countBy(Adapter, { jobId: id })).toBe(0);
    }
    await expect.poll(() => readdir(join(stack.home, 'work'))).toEqual([]);
  }, 300_000);
});

test('a paused job goes on where it was, and ends with the same bits', async () => {
  const training = { max_steps: 150, eval_steps: 50, checkpoint_steps: 1000 };
  const control = await stack.submit({ training });
  await stack.untilOver(control.id);
  const { id } = await stack.submit({ training });
  await stack.untilStep(id, 5);
  await stack.pause(id);
  const paused = await stack.until(id, ({ state }) => state === 'paused');
  expect(paused.step).toBeLessThan(150);
  await stack.resume(id);
  const job = await stack.untilOver(id);
  expect(job).toMatchObject({ state: 'succeeded', attempt: 2 });
  const started = (await stack.events(id)).filter(({ code }) => code === 'training.started');
  expect(started.map(({ data }) => data?.['step'])).toEqual([0, paused.step]);
  expect(await stack.outcome(id)).toEqual(await stack.outcome(control.id));
}, 120_000);

test('a job that cannot be run fails at once', async () => {
  const diverging = await stack.submit({ training: { batch_size: 4096 } });
  expect(await stack.untilOver(diverging.id)).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { code: 'job_invalid' },
  });
}, 60_000);

test('a job whose base model is gone waits, says so, and runs when the model is back', async () => {
  const { manager } = stack.platform.database;
  const { name: _, ...model } = await manager.findOneByOrFail(BaseModel, { name: 'tiny' });
  const { id } = await stack.submit({ model: 'lost' });
  const waiting = await stack.until(id, (job) => job.waiting?.code === 'base_model_missing');
  expect(waiting).toMatchObject({ state: 'queued', attempt: 0 });
  expect(waiting.waiting?.message).toBe('the base model lost is not registered any more: register it again');
  // Others are not in its way.
  expect((await stack.untilOver((await stack.submit()).id)).state).toBe('succeeded');
  await manager.insert(BaseModel, { ...model, name: 'lost', folder: join(stack.home, 'nowhere') });
  await stack.until(id, (job) => job.waiting?.message.includes('is not there on') ?? false, 30);
  await manager.update(BaseModel, { name: 'lost' }, { folder: model.folder });
  expect(await stack.untilOver(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
}, 120_000);

test('a job runs on the version of its base model that it was accepted with', async () => {
  const { manager } = stack.platform.database;
  const { name: _, ...tiny } = await manager.findOneByOrFail(BaseModel, { name: 'tiny' });
  await manager.insert(BaseModel, { ...tiny, name: 'twice', replacedAt: new Date() });
  await manager.insert(BaseModel, {
    ...tiny,
    name: 'twice',
    identity: 'sha256:0',
    folder: join(stack.home, 'new'),
  });
  const { id } = await stack.submit({ model: 'twice' });
  expect(await stack.untilOver(id)).toMatchObject({ state: 'succeeded', baseIdentity: tiny.identity });
}, 60_000);

test('workers that are told to end do so, and say nothing is wrong', async () => {
  for (const { child } of workers) child.kill('SIGTERM');
  expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual([0, 0]);
  expect(await readdir(join(stack.home, 'workers'))).toEqual([]);
  for (const { output } of workers) expect(output()).not.toMatch(/"level":"error"/);
}, 60_000);
