/** What is swept from a real Postgres and a folder of objects, and what stays. */
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { answerOnce, findAnswer } from '#jobs/idempotency.js';
import { writeProgress } from '#jobs/progress.js';
import { sweep } from '#jobs/sweeps.js';
import { Workers } from '#jobs/workers.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { Worker } from '#platform/database/entities/worker.js';
import { newId } from '#platform/ids.js';
import { FolderStore } from '#platform/objects/folder-store.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { JobsDatabase, project, silentLog } from './jobs-setup.js';

let jobs: JobsDatabase;
let objects: ObjectStore;
beforeAll(async () => {
  jobs = await JobsDatabase.start();
  objects = await FolderStore.open(join(jobs.postgres.home, 'store'));
}, 120_000);
afterAll(() => jobs.close());

const content = Buffer.from('content');

async function keys(): Promise<string[]> {
  const found = [];
  for await (const { key } of objects.list('')) found.push(key);
  return found.toSorted();
}

/** Gives an object another age. */
async function age(key: string, hours: number): Promise<void> {
  const time = new Date(Date.now() - 3_600_000 * hours);
  await utimes(join(jobs.postgres.home, 'store', 'objects', key), time, time);
}

function sweepNow() {
  return sweep({ database: jobs.database, objects }, silentLog);
}

test('of a job stay the objects that rows name and those of a running attempt', async () => {
  const claims = new Claims(jobs.parts);
  const { id } = await jobs.create();
  const put = async (attempt: number, name: string) => {
    const key = `jobs/${id}/attempts/${attempt}/${name}`;
    await objects.put(key, content);
    return key;
  };
  await claims.claimJob(id, 'worker-a', 'cpu');
  const named = await put(1, 'checkpoints/3/state.json');
  const files = [{ path: 'state.json', key: named, bytes: 7, sha256: 'x' }];
  await writeProgress(
    jobs.parts,
    { jobId: id, attempt: 1 },
    {
      checkpoint: { step: 3, best: false, files, metrics: {} },
    },
  );
  const cutOff = await put(1, 'checkpoints/6/state.json');
  expect((await sweepNow()).objects).toBe(0);
  await claims.finish({ jobId: id, attempt: 1 }, { end: 'handed_over' });
  await claims.claimJob(id, 'worker-b', 'cpu');
  const beingWritten = await put(2, 'adapter/adapter_model.safetensors');
  const unrelated = 'jobs/ftjob-unknown/attempts/1/adapter/adapter_config.json';
  await objects.put(unrelated, content);
  expect((await sweepNow()).objects).toBe(2);
  expect(await keys()).toEqual([beingWritten, named].toSorted());
  expect(await keys()).not.toContain(cutOff);
  await jobs.store.requestCancel(project, id);
  await claims.finish({ jobId: id, attempt: 2 }, { end: 'cancelled' });
  expect((await sweepNow()).objects).toBe(1);
  expect(await keys()).toEqual([named]);
});

test('a deleted file goes when no job needs it any more', async () => {
  const id = newId('file');
  const objectKey = `files/${id}/train.jsonl`;
  await objects.put(objectKey, content);
  await jobs.file({ id, objectKey });
  const job = await jobs.create({ trainingFileId: id });
  await jobs.database.manager.update(StoredFile, { id }, { deletedAt: () => 'now()' });
  expect((await sweepNow()).files).toBe(0);
  await jobs.store.requestCancel(project, job.id);
  expect((await sweepNow()).files).toBe(1);
  expect(await keys()).not.toContain(objectKey);
  const row = () => jobs.database.manager.countBy(StoredFile, { id });
  expect(await row()).toBe(1);
  expect(await sweepNow()).toMatchObject({ files: 0, rows: 0 });
  const daysAgo = new Date(Date.now() - 8 * 24 * 3_600_000);
  await jobs.database.manager.update(StoredFile, { id }, { contentDeletedAt: daysAgo });
  expect((await sweepNow()).rows).toBe(1);
  expect(await row()).toBe(0);
});

test('the bytes of a file go although the sweep that deleted them died half-way', async () => {
  const id = newId('file');
  const objectKey = `files/${id}/train.jsonl`;
  await objects.put(objectKey, content);
  await age(objectKey, 30);
  await jobs.file({ id, objectKey, deletedAt: new Date(0), contentDeletedAt: new Date() });
  expect((await sweepNow()).objects).toBe(1);
  expect(await keys()).not.toContain(objectKey);
});

test('a deleted adapter loses its bytes and keeps its row', async () => {
  const id = newId('adapter');
  const key = `adapters/${id}/adapter_model.safetensors`;
  await objects.put(key, content);
  await jobs.database.manager.insert(Adapter, {
    id,
    projectId: project,
    name: `ft:${id}`,
    model: 'tiny',
    config: {},
    files: [{ path: 'adapter_model.safetensors', key, bytes: 7, sha256: 'x' }],
    bytes: 7,
    sha256: 'x',
    deletedAt: new Date(),
  });
  expect((await sweepNow()).adapters).toBe(1);
  expect(await keys()).not.toContain(key);
  expect(await jobs.database.manager.findOneByOrFail(Adapter, { id })).toMatchObject({ files: [], bytes: 7 });
  expect((await sweepNow()).adapters).toBe(0);
});

test('uploads that were never finished go after a day', async () => {
  const [old, young] = [`files/${newId('file')}/a.jsonl`, `adapters/${newId('adapter')}/a.json`];
  for (const key of [old, young]) await objects.put(key, content);
  await age(old, 30);
  expect((await sweepNow()).objects).toBe(1);
  expect(await keys()).toContain(young);
  expect(await keys()).not.toContain(old);
});

test('answers to Idempotency-Keys go after a day, and workers after a week', async () => {
  const request = { projectId: project, key: 'old', digest: 'd' };
  await answerOnce(jobs.database, request, () => Promise.resolve({ status: 200, body: {} }));
  await new Workers(jobs.database).register({
    id: 'worker-old',
    host: 'h',
    pid: 1,
    version: '1',
    devices: [],
  });
  expect(await sweepNow()).toMatchObject({ idempotencyKeys: 0, workers: 0 });
  await jobs.database.query("UPDATE idempotency_key SET created_at = now() - interval '25 hours'");
  await jobs.database.query("UPDATE worker SET heartbeat_at = now() - interval '8 days'");
  expect(await sweepNow()).toMatchObject({ idempotencyKeys: 1, workers: 1 });
  expect(await findAnswer(jobs.database, request)).toBeNull();
  expect(await jobs.database.manager.countBy(Worker, { id: 'worker-old' })).toBe(0);
});

test('workers are alive while they give signs of life and have not stopped', async () => {
  const workers = new Workers(jobs.database);
  for (const id of ['worker-1', 'worker-2', 'worker-3']) {
    await workers.register({ id, host: 'h', pid: 1, version: '1', devices: [{ name: 'cpu' }] });
  }
  await workers.stopped('worker-2');
  await jobs.database.query(
    "UPDATE worker SET heartbeat_at = now() - interval '1 hour' WHERE id = 'worker-3'",
  );
  expect((await workers.alive(20)).map(({ id }) => id)).toEqual(['worker-1']);
  await workers.heartbeat('worker-3');
  expect((await workers.alive(20)).map(({ id }) => id)).toEqual(['worker-1', 'worker-3']);
});
