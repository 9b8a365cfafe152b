/** A composition and an export through an outage of the object store, of Postgres and of Redis. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CompositionsClient } from '#client/compositions.js';
import type { ExportsClient } from '#client/exports.js';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { waitForEnd } from '../e2e/stack-watch.js';
import { type ClusterServers, startCluster } from './servers.js';

let servers: ClusterServers;
let stack: TestStack;
let compositions: CompositionsClient;
let merges: ExportsClient;
let adapter: string;

beforeAll(async () => {
  servers = await startCluster();
  stack = await startTestStack({
    environment: { ...servers.environment, WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '5' },
  });
  ({ compositions, exports: merges } = stack.client);
  const { id } = await stack.client.jobs.create(await prepareTinyJob(stack));
  adapter = (await waitForEnd(stack.client, id)).adapter!;
}, 120_000);
afterAll(async () => {
  await stack?.close();
  await servers?.close();
});

const compose = async () => {
  const made = await compositions.wait(
    await compositions.create({ members: [{ adapter, weight: 0.5 }], rank: 2 }),
  );
  return stack.client.adapters.get(made.adapter!);
};
const exportMerged = async () => {
  const begun = await merges.create({ adapter, dtype: 'bf16', max_shard_bytes: 40_000 });
  const { files } = await merges.wait(begun);
  return files.map(({ name, sha256 }) => `${name} ${sha256}`);
};
const waits = () => stack.lines.filter((line) => line.includes('a task waits for the object store')).length;

/** Does something with the store away from the moment that a worker has the task. */
async function withoutStore<T>(work: () => Promise<T>): Promise<T> {
  const taken = () => stack.lines.filter((line) => line.includes('a task was taken')).length;
  const [takenBefore, waitsBefore] = [taken(), waits()];
  const done = work();
  await expect.poll(taken, { timeout: 20_000, interval: 5 }).toBeGreaterThan(takenBefore);
  const comeBack = await servers.s3.disappear();
  await expect.poll(waits, { timeout: 20_000 }).toBeGreaterThan(waitsBefore);
  await comeBack();
  return done;
}

test('a composition waits for a store that is away, and is what it is without that', async () => {
  const control = await compose();
  await fetch(`${stack.url}/v1/adapters/${control.id}`, { method: 'DELETE' });
  const made = await withoutStore(compose);
  expect(made.id).not.toBe(control.id);
  expect(made.files).toEqual(control.files);
}, 120_000);

test('an export waits for a store that is away, and is what it is without that', async () => {
  const control = await exportMerged();
  expect(await withoutStore(exportMerged)).toEqual(control);
}, 120_000);

test('an export through a restart of Postgres and of Redis is what it is without that', async () => {
  const control = await exportMerged();
  const made = exportMerged();
  await servers.redis.restart();
  await servers.postgres.restart();
  expect(await made).toEqual(control);
}, 120_000);
