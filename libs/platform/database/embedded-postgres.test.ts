import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type EmbeddedPostgres,
  embeddedPostgresUrl,
  startEmbeddedPostgres,
} from '#platform/database/embedded-postgres.js';
import { asAccount, postgresEnvironment } from '#platform/database/postgres-cluster.js';
import { openPostgresPaths } from '#platform/database/postgres-paths.js';
import { LAUNCH } from '#platform/database/postgres-server.js';
import { postgresSoftware } from '#platform/database/postgres-software.js';
import { isAlive, livePostmaster } from '#platform/database/postmaster.js';
import { closeHome } from '#platform/private-home.js';
import { eventually } from '../../../test/contract/waiting.js';
import { temporaryHome } from '../../../test/embedded-postgres.js';

const isRoot = process.getuid?.() === 0;
const running: EmbeddedPostgres[] = [];
let home: string;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await rm(home, { recursive: true, force: true });
});

/** Waits for the disk only where a test is about that. */
async function start(settings: Record<string, string> = { fsync: 'off' }): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(home, { settings });
  running.push(server);
  return server;
}

async function ask<T extends QueryResultRow>(url: string, text: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const dataFolder = async (): Promise<string> => (await openPostgresPaths(home)).data;

describe('starting', () => {
  test('makes a database at the first start, and finds it again under the same url at the next', async () => {
    const first = await start({});
    await ask(first.url, `CREATE TABLE note AS SELECT 'kept' AS text`);
    await first.stop();
    expect(await first.exited).toBe('exit code 0');
    const second = await start({});
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
    const [settings] = await ask(
      second.url,
      `SELECT current_setting('max_connections')::int >= 100 AS many, current_setting('fsync') AS fsync,
              current_setting('server_encoding') AS encoding, current_setting('listen_addresses') AS address`,
    );
    expect(settings).toEqual({ many: true, fsync: 'on', encoding: 'UTF8', address: '127.0.0.1' });
  });

  test('keeps the url, with its password, from other people', async () => {
    const { url } = await start();
    expect(await embeddedPostgresUrl(home)).toBe(url);
    expect((await stat(path.join(home, 'postgres/url'))).mode & 0o777).toBe(0o600);
    expect((await stat(await dataFolder())).mode & 0o777).toBe(0o700);
    // Not of the account of Postgres, which other programs may share.
    const password = path.join(await dataFolder(), 'lowrank-password');
    const own = { uid: process.getuid?.(), mode: 0o100_600 };
    expect(await stat(password)).toMatchObject(own);
    await running.pop()!.stop();
    await chmod(password, 0o644);
    if (isRoot) await chown(password, 65_534, 65_534);
    expect((await start()).url).toBe(url);
    expect(await stat(password)).toMatchObject(own);
    const wrong = new URL(url);
    expect(wrong.password).toMatch(/^[A-Za-z0-9]{32}$/);
    wrong.password = 'guess';
    await expect(ask(wrong.href, 'SELECT 1')).rejects.toThrow(/password/);
    wrong.password = '';
    await expect(ask(wrong.href, 'SELECT 1')).rejects.toThrow(/password/);
  });

  test('shows the server nothing of its own environment', async () => {
    process.env['LOWRANK_TEST_SECRET'] = 'canary';
    try {
      const { pid } = await start();
      // Where there is no such file, there is nothing to look at.
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      expect(environment).not.toContain('canary');
    } finally {
      delete process.env['LOWRANK_TEST_SECRET'];
    }
  });

  test('puts the server into a session of its own, which Ctrl-C in the terminal does not reach', async () => {
    const { pid } = await start();
    expect(process.kill(-pid, 0)).toBe(true); // it leads a group of processes
  });

  test('takes another port when somebody else has got its last one', async () => {
    const first = await start();
    await first.stop();
    const url = new URL(first.url);
    const { createServer } = await import('node:net');
    const thief = createServer().listen(Number(url.port), '127.0.0.1');
    await once(thief, 'listening');
    try {
      const second = await start();
      expect(new URL(second.url).port).not.toBe(url.port);
      expect(await embeddedPostgresUrl(home)).toBe(second.url);
    } finally {
      thief.close();
    }
  });

  test('is refused while the home is in use, naming the process that uses it', async () => {
    const { pid } = await start();
    await expect(startEmbeddedPostgres(home)).rejects.toMatchObject({
      code: 'home_in_use',
      message: expect.stringContaining(`process ${process.pid}`) as string,
      details: { home, pid: process.pid, postmaster: pid },
    });
    expect(isAlive(pid)).toBe(true);
  });

  test('at the same moment from two sides starts one server, and the other side is told', async () => {
    const results = await Promise.allSettled([start(), start()]);
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]!.reason).toMatchObject({ code: 'home_in_use' });
    expect(await ask(running[0]!.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('without a server there is no url', async () => {
    await expect(embeddedPostgresUrl(home)).rejects.toMatchObject({ code: 'database_unavailable' });
  });
});

describe('after a crash', () => {
  test('of the server, it starts again with everything that was committed', async () => {
    const first = await start();
    await ask(first.url, `CREATE TABLE note AS SELECT 'kept' AS text`);
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toBe('SIGKILL');
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
  });

  test('a number in postmaster.pid that another program has got since does not matter', async () => {
    const first = await start();
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const file = path.join(await dataFolder(), 'postmaster.pid');
    // A program of the same account, so that Postgres alone would take it for a server.
    const { account } = await openPostgresPaths(home);
    const unrelated = spawn('/bin/sleep', ['60'], { ...asAccount(account), stdio: 'ignore' });
    await once(unrelated, 'spawn');
    try {
      const lines = (await readFile(file, 'utf8')).split('\n');
      await writeFile(file, [unrelated.pid, ...lines.slice(1)].join('\n'));
      await start();
      expect(unrelated.exitCode ?? unrelated.signalCode).toBeNull();
    } finally {
      unrelated.kill('SIGKILL');
    }
  });

  test('of the process that started it, the server ends by itself and the next start waits for that', async () => {
    await (await start()).stop();
    running.pop();
    const parent = await startInAnotherProcess();
    const data = await dataFolder();
    let orphan = 0;
    await eventually(async () => {
      orphan = (await livePostmaster(data)) ?? 0;
      expect(orphan).toBeGreaterThan(0);
    });
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const { pid, url } = await start();
    expect(pid).not.toBe(orphan);
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  async function startInAnotherProcess(): Promise<ChildProcess> {
    const { data, folder, account } = await openPostgresPaths(home);
    const { postgres } = await postgresSoftware(account, folder);
    // Without any socket it would not start.
    const flags = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${data}`];
    const options = {
      ...asAccount(account),
      cwd: folder,
      env: postgresEnvironment,
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    };
    const args = ['-c', LAUNCH, 'sh', postgres, '-D', data, ...flags];
    const program = `require('child_process').spawn('/bin/sh', ${JSON.stringify(args)}, ${JSON.stringify(options)})`;
    const parent = spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
    await once(parent, 'spawn');
    return parent;
  }
});

describe('what cannot be used', () => {
  test('data that are broken give the words of Postgres and the place of its log', async () => {
    await (await start()).stop();
    await rm(path.join(await dataFolder(), 'global/pg_control'));
    await expect(startEmbeddedPostgres(home)).rejects.toMatchObject({
      code: 'postgres_failed',
      message: expect.stringMatching(/pg_control[^]*postgres\.log/) as string,
    });
  });

  test('data of another version are left alone', async () => {
    await (await start()).stop();
    await writeFile(path.join(await dataFolder(), 'PG_VERSION'), '17\n');
    await expect(startEmbeddedPostgres(home)).rejects.toMatchObject({
      code: 'postgres_version',
      details: { version: '17' },
    });
  });

  test('a home that is a file says so', async () => {
    const file = path.join(home, 'file');
    await writeFile(file, '');
    await expect(startEmbeddedPostgres(file)).rejects.toMatchObject({ code: 'home_unusable' });
  });

  test('a closed home lets the account of Postgres through to its data, and nobody else', async () => {
    await closeHome(home);
    const { url } = await start();
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const { folder, notes } = await openPostgresPaths(home);
    expect(folder).toBe(notes);
    for (const folder of [home, notes]) {
      expect((await stat(folder)).mode & 0o777, folder).toBe(isRoot ? 0o710 : 0o700);
    }
  });

  test('a home that is closed to the account of Postgres keeps its data elsewhere', async () => {
    await chmod(home, 0o700);
    const { url } = await start();
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await embeddedPostgresUrl(home)).toBe(url);
    const { folder, notes } = await openPostgresPaths(home);
    // Only root lends Postgres another account than its own.
    expect(folder !== notes).toBe(isRoot);
    await running.pop()!.stop();
    const again = await start();
    expect(again.url).toBe(url);
    await running.pop()!.stop();
    if (isRoot) await rm(folder, { recursive: true });
  });
});
