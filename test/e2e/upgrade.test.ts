/** A home that an earlier version left when it was killed, opened by this one. */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { createDataSource } from '#platform/database/data-source.js';
import { startEmbeddedPostgres } from '#platform/database/embedded-postgres.js';
import { startTestStack, type TestStack } from './stack.js';
import { collect, waitForEnd, waitForStep } from './stack-watch.js';
import { writeTinyModel } from './tiny-job.js';

const fixtures = join(import.meta.dirname, '../fixtures/homes');
/** The last migration that the earlier version knew. */
const lastMigration = 'TaskFailures1795700000000';

interface Known {
  readonly keys: Record<'first' | 'other' | 'revoked', string>;
  readonly sharePath: string;
  readonly jobs: Record<string, string>;
}
type Rows = Record<string, Record<string, unknown>[]>;

let stack: TestStack;
let known: Known;
let client: LowrankClient;
let other: LowrankClient;

/** Unpacks a home and fills its database as the earlier version left it. */
async function leaveHome(home: string): Promise<void> {
  await promisify(execFile)('tar', ['xzf', join(fixtures, '0.1.0.tar.gz'), '-C', home]);
  known = await take<Known>(join(home, 'known.json'));
  const rows = await take<Rows>(join(home, 'rows.json'));
  const model = join(home, 'tiny');
  await writeTinyModel(model);
  rows['base_model']!.find(({ name }) => name === 'tiny')!['folder'] = model;
  const note = join(home, 'models/tiny/model.json');
  await writeFile(note, (await readFile(note, 'utf8')).replace(/"folder": ".*"/, `"folder": "${model}"`));
  const postgres = await startEmbeddedPostgres(home, { settings: { fsync: 'off' } });
  const source = createDataSource(postgres.url);
  await source.initialize();
  const runner = source.createQueryRunner();
  await runner.query(
    'CREATE TABLE migration (id serial PRIMARY KEY, timestamp bigint NOT NULL, name text NOT NULL)',
  );
  for (const migration of source.migrations) {
    await migration.up(runner);
    const { name } = migration;
    await runner.query('INSERT INTO migration (timestamp, name) VALUES ($1, $2)', [name!.slice(-13), name]);
    if (name === lastMigration) break;
  }
  for (const [table, content] of Object.entries(rows)) {
    await runner.query(`DELETE FROM "${table}"`);
    await runner.query(`INSERT INTO "${table}" SELECT * FROM json_populate_recordset(null::"${table}", $1)`, [
      JSON.stringify(content),
    ]);
  }
  await runner.release();
  await source.destroy();
  await postgres.stop();
}

async function take<T>(file: string): Promise<T> {
  const value = JSON.parse(await readFile(file, 'utf8')) as T;
  await rm(file);
  return value;
}

beforeAll(async () => {
  // The worker that was killed is missed soon.
  const environment = { WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '4' };
  stack = await startTestStack({ prepare: leaveHome, environment });
  client = new LowrankClient({ url: stack.url, key: known.keys.first });
  other = new LowrankClient({ url: stack.url, key: known.keys.other });
}, 180_000);
afterAll(() => stack?.close());

const job = (suffix: string): Promise<JobObject> => client.jobs.get(known.jobs[suffix]!);

test('everything is listed, each thing for its project', async () => {
  const jobs = await collect(client.jobs.list());
  expect(jobs.map(({ id }) => id).toSorted()).toEqual(Object.values(known.jobs).toSorted());
  expect((await collect(other.jobs.list())).map(({ suffix }) => suffix)).toEqual(['others']);
  expect((await collect(client.adapters.list())).map(({ name }) => name.split(':')[3])).toEqual(
    expect.arrayContaining(['one', 'two', 'mix']),
  );
  const [composition] = await collect(client.compositions.list());
  expect(composition).toMatchObject({ status: 'succeeded', members: [{ weight: 0.7 }, { weight: 0.3 }] });
  expect(await collect(client.exports.list())).toMatchObject([{ status: 'succeeded', dtype: 'f16' }]);
  expect(await collect(client.shares.list())).toMatchObject([{ status: 'open' }]);
  expect(await collect(client.files.list())).not.toHaveLength(0);
  const events = await collect(client.jobs.events(known.jobs['one']!));
  expect(events.map(({ message }) => message)).toContain('The job has successfully completed');
  const steps = (await collect(client.jobs.metrics(known.jobs['one']!))).filter(
    ({ kind }) => kind === 'step',
  );
  expect(steps).toHaveLength(6);
});

test('keys and links count as before', async () => {
  const revoked = new LowrankClient({ url: stack.url, key: known.keys.revoked, patienceSeconds: 1 });
  await expect(collect(revoked.jobs.list())).rejects.toMatchObject({ status: 401 });
  expect((await fetch(new URL(known.sharePath, stack.url))).status).toBe(200);
});

test('an adapter still has the bytes that its SHA-256 names', async () => {
  const [adapter] = await collect(client.adapters.list());
  const archive = await fetch(new URL(`/v1/adapters/${adapter!.id}/archive`, stack.url), {
    headers: { authorization: `Bearer ${known.keys.first}` },
  });
  expect(archive.status).toBe(200);
  expect((await archive.arrayBuffer()).byteLength).toBeGreaterThan(4000);
});

test('what was running goes on from its checkpoint', async () => {
  const before = 5650;
  await waitForStep(client, known.jobs['killed']!, before + 50);
  const running = await job('killed');
  expect(running).toMatchObject({ status: 'running', attempt: 2 });
  const events = await collect(client.jobs.events(running.id));
  const messages = events.map(({ message }) => message).join('\n');
  expect(messages).toMatch(/goes on from its last checkpoint/);
  await client.jobs.cancel(running.id);
  expect(await waitForEnd(client, running.id)).toMatchObject({ status: 'cancelled' });
}, 180_000);

test('what was queued is trained', async () => {
  expect(await waitForEnd(client, known.jobs['queued']!)).toMatchObject({
    status: 'succeeded',
    progress: { step: 8 },
  });
}, 120_000);

test('what was paused goes on from where it stood', async () => {
  expect(await job('paused')).toMatchObject({ status: 'paused', progress: { step: 300, total_steps: 6000 } });
  await client.jobs.resume(known.jobs['paused']!);
  await client.jobs.resume(known.jobs['never']!);
  await waitForStep(client, known.jobs['paused']!, 350);
  expect(await job('paused')).toMatchObject({ status: 'running', attempt: 2 });
  await client.jobs.cancel(known.jobs['paused']!);
  expect(await waitForEnd(client, known.jobs['never']!)).toMatchObject({ status: 'succeeded' });
}, 180_000);

test('what no device can run waits and says why, and what was cancelled stays so', async () => {
  expect(await job('waiting')).toMatchObject({ status: 'queued', waiting: { message: expect.any(String) } });
  expect(await job('cancelled')).toMatchObject({ status: 'cancelled' });
});
