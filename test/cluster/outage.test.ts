/** Servers of a cluster that go away while a job runs delay it, and change nothing of what it yields. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { stepsOf, upTo, waitForEnd, waitForStep } from '../e2e/stack-watch.js';
import { type ClusterServers, startCluster } from './servers.js';

const steps = 200;
let servers: ClusterServers;
let stack: TestStack;
let job: JobCreate;

beforeAll(async () => {
  servers = await startCluster();
  stack = await startTestStack({
    environment: { ...servers.environment, WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '5' },
  });
  const tiny = await prepareTinyJob(stack);
  const slow = { gradient_accumulation_steps: 8, max_steps: steps, eval_steps: null, checkpoint_steps: 10 };
  job = { ...tiny, training: { ...tiny.training, ...slow } };
}, 120_000);
afterAll(async () => {
  await stack?.close();
  await servers?.close();
});

async function adapterOf(id: string): Promise<string> {
  const { adapter, status, error } = await waitForEnd(stack.client, id);
  expect({ status, error }).toEqual({ status: 'succeeded', error: null });
  return (await stack.client.adapters.get(adapter!)).sha256;
}

test('a job through a restart of Redis and one of Postgres gives the adapter of one left alone', async () => {
  const { client } = stack;
  const control = await adapterOf((await client.jobs.create(job)).id);
  const { id } = await client.jobs.create(job);
  await waitForStep(client, id, 15);
  await servers.redis.restart();
  await waitForStep(client, id, 40);
  await servers.postgres.restart();
  await waitForStep(client, id, 60);
  const { progress } = await client.jobs.get(id);
  expect(progress.step, 'the servers must go away while the job runs').toBeLessThan(steps);
  expect(await adapterOf(id)).toBe(control);
  expect(await stepsOf(client, id)).toEqual(upTo(steps));
}, 180_000);

test('a job that was submitted while Redis was away is run when it is back', async () => {
  const { client } = stack;
  let id = '';
  await servers.redis.restart(async () => {
    id = (await client.jobs.create({ ...job, training: { ...job.training, max_steps: 5 } })).id;
  });
  expect((await waitForEnd(client, id)).status).toBe('succeeded');
}, 180_000);
