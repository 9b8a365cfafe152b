/** Requests that are sent again make nothing twice, also while the API is killed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import { LowrankClient } from '#client/client.js';
import { prepareTinyJob, startTestStack, type TestStack } from './stack.js';
import { collect } from './stack-watch.js';

let stack: TestStack;
let job: JobCreate;

beforeAll(async () => {
  // Nothing takes the jobs: they are only counted.
  stack = await startTestStack({ workers: 0 });
  job = await prepareTinyJob(stack);
}, 120_000);
afterAll(() => stack?.close());

test('100 requests with 10 keys, the API killed in the middle, make 10 jobs', async () => {
  const client = new LowrankClient({ url: stack.url, patienceSeconds: 60 });
  const requests = Array.from({ length: 100 }, async (_, i) => {
    const idempotencyKey = `key-${i % 10}`;
    const created = await client.jobs.create({ ...job, suffix: `n${i % 10}` }, { idempotencyKey });
    if (i === 30) process.kill(stack.pids().api!, 'SIGKILL');
    return [idempotencyKey, created] as const;
  });
  const answers = await Promise.all(requests);
  const ids = new Map(answers.map(([key, { id }]) => [key, id]));
  expect(new Set(ids.values()).size).toBe(10);
  for (const [key, { id }] of answers) expect(id).toBe(ids.get(key));
  const listed = await collect(client.jobs.list());
  expect(listed.map(({ id }) => id).toSorted()).toEqual([...ids.values()].toSorted());
});

test('a key that comes with another request is refused and not tried again', async () => {
  const { client } = stack;
  const idempotencyKey = 'once';
  await client.jobs.create(job, { idempotencyKey });
  await expect(client.jobs.create({ ...job, suffix: 'other' }, { idempotencyKey })).rejects.toMatchObject({
    status: 422,
    code: 'idempotency_mismatch',
  });
});
