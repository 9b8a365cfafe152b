/** Jobs on a base model that is only at a hub, through the processes of a service; and their adapter pushed there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';
import { type StubHub, stubHub } from '../stub-hub.js';
import { startTestStack, type TestStack } from './stack.js';
import { waitForEnd } from './stack-watch.js';
import { writeTinyJob } from './tiny-job.js';

let hub: StubHub;
let stack: TestStack;
let folder: string;
let job: JobCreate;
let first: JobObject;
const weights = () => hub.repositories.get('org/tiny')!.files.get('model.safetensors')!;

beforeAll(async () => {
  hub = await stubHub();
  folder = await mkdtemp(join(tmpdir(), 'hub-job-'));
  const environment = { HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_of_tests', HF_HOME: join(folder, 'hf') };
  stack = await startTestStack({ environment });
  const { lora } = await writeTinyJob(folder);
  await hub.addFolder('org/tiny', join(folder, 'model'));
  const { id } = await uploadFile(stack.client, join(folder, 'train.jsonl'));
  job = { model: 'org/tiny', training_file: id, lora, seed: 7, training: { max_steps: 4 } };
}, 120_000);
afterAll(async () => {
  await stack?.close();
  await hub.close();
  await rm(folder, { recursive: true });
});

test('a job trains on a base by its name, whose download goes on where it was cut at half', async () => {
  const half = Math.floor(weights().length / 2);
  hub.cutAfter = half;
  const created = await stack.client.jobs.create(job);
  expect(created.status).toBe('validating_files');
  first = await waitForEnd(stack.client, created.id);
  expect(first).toMatchObject({ status: 'succeeded', model: 'org/tiny', error: null });
  expect(hub.cutAfter).toBeNull();
  const ranges = hub.storage.seen.flatMap(({ headers }) => headers.range ?? []);
  const rest = ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0)).find((from) => from > 0);
  expect(rest).toBeGreaterThan(0);
  expect(rest).toBeLessThanOrEqual(half);
});

test('the second job on it costs not one byte, and has the same adapter', async () => {
  const before = hub.sentBytes();
  const created = await stack.client.jobs.create(job);
  const second = await waitForEnd(stack.client, created.id);
  expect(second.status).toBe('succeeded');
  expect(hub.sentBytes()).toBe(before);
  const digests = await Promise.all(
    [first, second].map(async ({ adapter }) => (await stack.client.adapters.get(adapter!)).sha256),
  );
  expect(digests[0]).toBe(digests[1]);
});

test('its adapter lies at the hub after a push, and the card names the base', async () => {
  const { client } = stack;
  const adapter = await client.adapters.get(first.adapter!);
  const made = await client.pushes.create({ adapter: adapter.id, repository: 'org/mine' });
  expect(await client.pushes.wait(made)).toMatchObject({ status: 'succeeded', base_model: 'org/tiny' });
  const { files } = hub.repositories.get('org/mine')!;
  expect([...files.keys()]).toEqual(expect.arrayContaining(adapter.files.map(({ name }) => name)));
  expect(files.get('README.md')!.toString()).toMatch(/base_model: "?org\/tiny"?\n/);
});
