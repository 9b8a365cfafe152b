import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DataSource } from 'typeorm';
import { createDataSource } from '#platform/database/data-source.js';
import { Job } from '#platform/database/entities/job.js';
import { migrate } from '#platform/database/migrate.js';
import { migrations } from '#platform/database/migrations.js';
import { startTestPostgres, type TestPostgres } from '../../../test/embedded-postgres.js';

let postgres: TestPostgres;
let database: DataSource;
beforeAll(async () => {
  postgres = await startTestPostgres({ empty: true });
  database = await createDataSource(postgres.url).initialize();
}, 60_000);
afterAll(async () => {
  await database.destroy();
  await postgres.remove();
});

test('processes that start at once migrate once, and later ones find nothing to do', async () => {
  const others = await Promise.all([1, 2, 3].map(() => createDataSource(postgres.url).initialize()));
  const done = await Promise.all([database, ...others].map((each) => migrate(each)));
  expect(done.flat()).toEqual(migrations.map((Migration) => new Migration().name));
  expect(await migrate(database)).toEqual([]);
  await Promise.all(others.map((each) => each.destroy()));
});

test('the migrations make what the entities describe', async () => {
  const { upQueries } = await database.driver.createSchemaBuilder().log();
  expect(upQueries.map(({ query }) => query)).toEqual([]);
});

test('rows keep what was put in: large numbers, times to the millisecond, documents', async () => {
  const jobs = database.getRepository(Job);
  const createdAt = new Date('2026-11-24T10:20:30.123Z');
  await jobs.insert({
    id: 'ftjob-x',
    projectId: 'default',
    state: 'queued',
    model: 'prose-4m',
    baseIdentity: 'sha256:0',
    trainingFileId: 'file-x',
    training: { epochs: 2, nested: { list: [1, null] } },
    seed: 2 ** 52 + 1,
    trainedTokens: null,
    createdAt,
  });
  const job = await jobs.findOneByOrFail({ id: 'ftjob-x' });
  expect(job).toMatchObject({
    seed: 2 ** 52 + 1,
    training: { epochs: 2, nested: { list: [1, null] } },
    createdAt,
    attempt: 0,
    device: 'auto',
    trainedTokens: null,
  });
  await expect(jobs.update('ftjob-x', { state: 'sleeping' as 'queued' })).rejects.toThrow(/check/);
});

test('a transaction that somebody leaves open is ended, so that a frozen process holds no lock for long', async () => {
  const [row] = await database.query<{ timeout: string }[]>(
    `SELECT current_setting('idle_in_transaction_session_timeout') AS timeout`,
  );
  expect(row).toEqual({ timeout: '15s' });
});

test('a database that a newer version has changed is refused', async () => {
  await database.query(`INSERT INTO migration (timestamp, name) VALUES (99, 'FromTheFuture99')`);
  await expect(migrate(database)).rejects.toMatchObject({
    code: 'database_newer',
    details: { migrations: ['FromTheFuture99'] },
  });
  await database.query(`DELETE FROM migration WHERE name = 'FromTheFuture99'`);
  expect(await migrate(database)).toEqual([]);
});
