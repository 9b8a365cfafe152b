import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfiguration } from '#platform/config.js';
import { createLog } from '#platform/log.js';
import { openPlatform, type Platform } from '#platform/platform.js';
import { eventually } from '../../test/contract/waiting.js';
import { startTestPostgres, temporaryHome, type TestPostgres } from '../../test/embedded-postgres.js';

const log = createLog({ level: 'silent', name: 'test' });
const allWell = { ok: true, error: null };
let postgres: TestPostgres;
let platform: Platform;
beforeAll(async () => {
  postgres = await startTestPostgres({ empty: true });
  const configuration = parseConfiguration({ LOWRANK_HOME: postgres.home });
  // Several processes of a new home at once, as a launcher starts them.
  const opened = await Promise.all([1, 2, 3].map(() => openPlatform(configuration, { name: 'test', log })));
  platform = opened.pop()!;
  await Promise.all(opened.map((each) => each.close()));
}, 60_000);
afterAll(async () => {
  await platform.close();
  await postgres.remove();
});

test('a home and its Postgres are all that is needed', async () => {
  await eventually(async () =>
    expect(await platform.check()).toEqual({
      database: allWell,
      queue: allWell,
      objects: allWell,
      notifications: allWell,
    }),
  );
  const rows = await platform.database.query<{ id: string }[]>('SELECT id FROM project');
  expect(rows).toEqual([{ id: 'default' }]);
});

test('the check names the parts that are down, and sees them come back', async () => {
  await postgres.restart(async () => {
    await eventually(async () => {
      const { database, queue, objects, notifications } = await platform.check();
      expect([database.ok, queue.ok, objects.ok, notifications.ok]).toEqual([false, false, true, false]);
      expect(database.error).toEqual(expect.any(String));
    });
    const store = path.join(postgres.home, 'store');
    await rm(store, { recursive: true });
    expect((await platform.check()).objects.ok).toBe(false);
  });
  await eventually(async () => {
    const { database, queue, notifications } = await platform.check();
    expect([database.ok, queue.ok, notifications.ok]).toEqual([true, true, true]);
  }, 20_000);
});

test('without a database it does not open, and says what to do, but no password', async () => {
  const home = await temporaryHome();
  const open = (variables: Record<string, string>): Promise<Platform> =>
    openPlatform(parseConfiguration({ LOWRANK_HOME: home, ...variables }), { name: 'test', log });
  await expect(open({})).rejects.toMatchObject({ code: 'database_unavailable' });
  const wrong = new URL(postgres.url);
  wrong.password = 'canary';
  const failure = await open({ DATABASE_URL: wrong.href }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'database_unavailable' });
  expect((failure as Error).message).toContain(wrong.host);
  expect((failure as Error).message).not.toContain('canary');
  await expect(open({ DATABASE_URL: 'postgres://u@127.0.0.1:9/x' })).rejects.toMatchObject({
    code: 'database_unavailable',
  });
  await expect(open({ DATABASE_URL: postgres.url, REDIS_URL: 'redis://127.0.0.1:9' })).rejects.toMatchObject({
    code: 'queue_unavailable',
  });
  await rm(home, { recursive: true });
}, 60_000);
