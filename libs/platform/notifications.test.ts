import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDataSource } from '#platform/database/data-source.js';
import { createLog } from '#platform/log.js';
import { Notifications } from '#platform/notifications.js';
import { eventually, until } from '../../test/contract/waiting.js';
import { startTestPostgres, type TestPostgres } from '../../test/embedded-postgres.js';

const log = createLog({ level: 'silent', name: 'test' });
let postgres: TestPostgres;
let database: DataSource;
let notifications: Notifications;
beforeAll(async () => {
  postgres = await startTestPostgres();
  database = await createDataSource(postgres.url).initialize();
}, 60_000);
afterAll(async () => {
  await database.destroy();
  await postgres.remove();
});
beforeEach(async () => {
  notifications = new Notifications(postgres.url, 'lowrank-test', log);
  await until(() => notifications.isConnected);
});
afterEach(() => notifications.close());

test('a message comes when its transaction commits, and never if it does not', async () => {
  const seen: (string | null)[] = [];
  notifications.listen('lowrank_job', (payload) => seen.push(payload));
  await database.transaction(async (manager) => {
    await notifications.notify(manager, 'lowrank_job', 'a');
    expect(seen).toEqual([]);
  });
  await eventually(() => expect(seen).toEqual(['a']));
  await database
    .transaction(async (manager) => {
      await notifications.notify(manager, 'lowrank_job', 'lost');
      throw new Error('no');
    })
    .catch(() => undefined);
  await notifications.notify(database.manager, 'lowrank_job', 'b');
  await eventually(() => expect(seen).toEqual(['a', 'b']));
});

test('handlers get messages of their channel until they stop to listen, whatever other handlers do', async () => {
  const [jobs, control]: (string | null)[][] = [[], []];
  notifications.listen('lowrank_job', () => {
    throw new Error('a handler failed');
  });
  const stop = notifications.listen('lowrank_job', (payload) => jobs!.push(payload));
  notifications.listen('lowrank_control', (payload) => control!.push(payload));
  await notifications.notify(database.manager, 'lowrank_job', 'a');
  await notifications.notify(database.manager, 'lowrank_control', 'b');
  await eventually(() => expect([jobs, control]).toEqual([['a'], ['b']]));
  stop();
  await notifications.notify(database.manager, 'lowrank_job', 'c');
  await notifications.notify(database.manager, 'lowrank_control', 'd');
  await eventually(() => expect(control).toEqual(['b', 'd']));
  expect(jobs).toEqual(['a']);
});

test('after the database was away, handlers are told to look again, and messages come as before', async () => {
  const seen: (string | null)[] = [];
  notifications.listen('lowrank_control', (payload) => seen.push(payload));
  await postgres.restart(async () => {
    await eventually(() => expect(notifications.isConnected).toBe(false));
  });
  await eventually(() => expect(seen).toEqual([null]), 15_000);
  await notifications.notify(database.manager, 'lowrank_control', 'a');
  await eventually(() => expect(seen).toEqual([null, 'a']));
});

test('a connection that somebody cuts is made anew', async () => {
  const seen: (string | null)[] = [];
  notifications.listen('lowrank_job', (payload) => seen.push(payload));
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lowrank-test notifications'`,
  );
  await eventually(() => expect(seen).toEqual([null]));
});

test('closing does not wait for a database that is away', async () => {
  const other = new Notifications('postgres://nobody@127.0.0.1:9/none', 'lowrank-test', log);
  const begin = performance.now();
  await other.close();
  expect(performance.now() - begin).toBeLessThan(2000);
});
