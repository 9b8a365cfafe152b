/** What a worker does with trainers that are slow, hang, crash, or want too much; the trainers are played. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failurePolicy } from '#jobs/failure-policy.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { Worker } from '../../apps/worker/src/worker.js';
import { isAlive, WorkerStack } from './worker-stack.js';

const behaviours = ['slow-step', 'hang', 'crash', 'exit', 'killed', 'greedy', 'garbage', 'unreadable'];

let stack: WorkerStack;
let worker: Worker;
beforeAll(async () => {
  stack = await WorkerStack.start();
  const { manager } = stack.platform.database;
  const { name: _, ...model } = await manager.findOneByOrFail(BaseModel, { name: 'tiny' });
  for (const name of behaviours) await manager.insert(BaseModel, { ...model, name });
  worker = new Worker(stack.platform, {
    version: 'test',
    trainerMain: join(import.meta.dirname, 'fake-trainer.mjs'),
    memoryBytes: 1e9,
    findDevices: () =>
      Promise.resolve({
        slots: [{ name: 'cpu', devices: ['cpu'], onRequest: [], facts: { memory_bytes: 1e9 } }],
        unusable: [],
      }),
    silence: { start: 3, step: 1 },
    policy: { ...failurePolicy, delays: { bug: [0], transient: [0], machine: [0] } },
  });
  await worker.start();
}, 120_000);
afterAll(async () => {
  await worker.stop();
  await stack.close();
});

test('cancelling stops a step of half a minute within five seconds', async () => {
  const { id } = await stack.submit({ model: 'slow-step' });
  await expect
    .poll(async () => (await stack.events(id)).map(({ code }) => code), { timeout: 10_000 })
    .toContain('training.started');
  const pid = (await stack.trainerPid(id, 1))!;
  const asked = performance.now();
  await stack.cancel(id);
  expect((await stack.untilOver(id)).state).toBe('cancelled');
  const seconds = (performance.now() - asked) / 1000;
  // It is given three to stop by itself.
  expect(seconds).toBeGreaterThan(2.5);
  expect(seconds).toBeLessThan(5);
  expect(isAlive(pid)).toBe(false);
});

test('a trainer that hangs is ended and tried again, and then the job has failed', async () => {
  const { id } = await stack.submit({ model: 'hang' });
  expect(await stack.untilOver(id)).toMatchObject({
    state: 'failed',
    attempt: 3,
    ownFailures: 3,
    error: { code: 'trainer_hung' },
  });
});

test('a trainer that crashes is tried three times', async () => {
  const { id } = await stack.submit({ model: 'crash' });
  const job = await stack.untilOver(id);
  expect(job).toMatchObject({ state: 'failed', attempt: 3, error: { code: 'trainer_crashed' } });
  expect(job.error?.message).toContain('SIGABRT');
});

test('what a trainer wrote before it ended is in the reason', async () => {
  const { id } = await stack.submit({ model: 'exit' });
  const job = await stack.untilOver(id);
  expect(job.error?.message).toContain('exit code 7: something is missing');
});

test('a trainer that is killed from outside again and again fails the job after five times without a step', async () => {
  const { id } = await stack.submit({ model: 'killed' });
  expect(await stack.untilOver(id)).toMatchObject({
    state: 'failed',
    attempt: 5,
    ownFailures: 0,
    error: { code: 'trainer_killed_repeatedly' },
  });
});

test('a run that needs more memory than any worker has fails before its first step', async () => {
  const { id } = await stack.submit({ model: 'greedy' });
  const job = await stack.untilOver(id);
  expect(job).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'out_of_memory_predicted' } });
  expect(job.plan).toMatchObject({ memory: { peak_bytes: 1e15 } });
});

test('it is left to a worker that has the memory', async () => {
  const { database } = stack.platform;
  await database.query(
    `INSERT INTO worker (id, host, pid, version, devices) VALUES ('worker-large', 'h', 1, '1', '[{"memory_bytes": 1e16}]')`,
  );
  const { id } = await stack.submit({ model: 'greedy' });
  const job = await stack.until(id, ({ attempt, state }) => attempt === 1 && state === 'queued');
  expect(job.ownFailures).toBe(0);
  await stack.cancel(id);
  await database.query("DELETE FROM worker WHERE id = 'worker-large'");
});

test('texts that Postgres cannot hold, and messages of no known form, do no harm', async () => {
  const { id } = await stack.submit({ model: 'garbage' });
  expect(await stack.untilOver(id)).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { code: 'invalid_data', message: 'a \ufffd b \ufffd' },
  });
});

test('a message of a trainer that cannot be read ends the attempt instead of hanging it', async () => {
  const { id } = await stack.submit({ model: 'unreadable' });
  expect(await stack.untilOver(id)).toMatchObject({
    state: 'failed',
    error: { code: 'message_unreadable', message: expect.stringContaining('train') as unknown },
  });
});

test('a job for a device that nobody has waits, and can be cancelled', async () => {
  const { id } = await stack.submit({ device: 'cuda' });
  const other = await stack.submit({ model: 'exit' });
  await stack.untilOver(other.id);
  expect((await stack.read(id)).state).toBe('queued');
  expect((await stack.cancel(id)).state).toBe('cancelled');
});
