/** The time of a plan: nothing to go by, a worker's processor, earlier jobs of the same project. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PlannedTime, planObject } from '#contracts/http/plans.js';
import { Claims } from '#jobs/claims.js';
import { writeProgress } from '#jobs/progress.js';
import { Worker } from '#platform/database/entities/worker.js';
import { type ApiServer, startApi } from './api-server.js';

let api: ApiServer;
let job: { model: string; training_file: string };
const training = { max_steps: 100, batch_size: 2, block_length: 64 };
beforeAll(async () => {
  api = await startApi();
  job = await api.smallJob();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

async function planned(changes: object = {}): Promise<PlannedTime | null> {
  const { status, body } = await api.call('POST', '/v1/fine_tuning/plan', { ...job, training, ...changes });
  expect(status).toBe(200);
  return planObject.parse(body).time;
}

test('without workers and earlier jobs no time is told', async () => {
  expect(await planned()).toBeNull();
});

test('a worker that is alive tells how many cores there are', async () => {
  const { manager } = api.platform.database;
  const devices = [{ name: 'cpu', devices: ['cpu'], cores: 6 }];
  await manager.insert(Worker, { id: 'worker-t', host: 'h', pid: 1, version: '0', devices });
  expect(await planned()).toMatchObject({ basis: 'operations', jobs: 0, cores: 6 });
  expect(await planned({ device: 'webgpu' })).toBeNull();
  await manager.update(Worker, { id: 'worker-t' }, { stoppedAt: new Date() });
  expect(await planned()).toBeNull();
});

test('the steps of an earlier job tell how long a job like it takes', async () => {
  const { id } = (await api.call('POST', '/v1/fine_tuning/jobs', { ...job, training })).body;
  const { attempt } = (await new Claims(api.platform).claimJob(id, 'worker-t', 'cpu'))!;
  // A second each, but for the first.
  const metrics = Array.from({ length: 20 }, (_, i) => ({
    step: i + 1,
    kind: 'step' as const,
    values: { loss: 1, tokens: 100, tokens_per_second: i === 0 ? 1 : 100 },
  }));
  const facts = { plan: { trainable_parameters: 1792 } };
  await writeProgress(api.platform, { jobId: id, attempt }, { metrics, facts });
  const time = (await planned())!;
  expect(time).toMatchObject({ basis: 'jobs', jobs: 1, cores: null });
  expect(time.low_seconds).toBeLessThan(100);
  expect(time.high_seconds).toBeGreaterThan(100);
  expect(time.high_seconds).toBeLessThan(200);
  const longer = (await planned({ training: { ...training, max_steps: 1000 } }))!;
  expect(longer.low_seconds).toBeGreaterThan(5 * time.low_seconds);
});
