/**
 * A real Postgres for a machine that has none: its programs come from npm, its data lie in the home.
 *
 * The server is a child in a session of its own, so that Ctrl-C reaches only its clients, which then can still write.
 * It ends when its standard input closes: with `stop`, or with the death of the process that started it.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LowrankError } from '#base/errors.js';
import { DATABASE_USER, postgresFailed, prepareCluster } from '#platform/database/postgres-cluster.js';
import { openPostgresPaths, type PostgresPaths, writeNote } from '#platform/database/postgres-paths.js';
import { answers, freePort, HOST, launch, stop } from '#platform/database/postgres-server.js';
import { postgresSoftware } from '#platform/database/postgres-software.js';
import { isAlive, livePostmaster } from '#platform/database/postmaster.js';

export interface EmbeddedPostgres {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the server has ended, asked to or not, with how: `exit code 0`, `SIGKILL`. */
  readonly exited: Promise<string>;
  /** Ends the server; its clients are cut off. Resolves when it is gone. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Settings of the server that replace those chosen here, such as `fsync`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const START_MS = 120_000;
/** How long a server whose starter died may take to end, before it is made to. */
const ORPHAN_MS = 5000;

const settings: Readonly<Record<string, string>> = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '64MB',
  max_wal_size: '256MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  // A line for every deadlock and slow lock, none for every statement that failed.
  log_min_error_statement: 'panic',
};

/**
 * Starts the Postgres of a home, making its data folder at the first start, and resolves when it answers.
 *
 * The url is written to `HOME/postgres/url`, readable by its owner alone. The port stays the same from start to start
 * while nobody else takes it. Throws LowrankError `home_in_use` (details `pid`), `home_unusable`, `postgres_software`,
 * `postgres_account`, `postgres_version`, `postgres_failed`, `disk_full`.
 */
export async function startEmbeddedPostgres(
  home: string,
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const paths = await openPostgresPaths(home);
  await waitForOrphan(home, paths);
  const software = await postgresSoftware(paths.account, paths.notes);
  const durable = options.settings?.['fsync'] !== 'off';
  const password = await prepareCluster(paths, software, { durable });
  await forgetForeignPid(paths);
  const deadline = Date.now() + START_MS;
  for (let port = await freePort(await lastPort(paths)); ;) {
    const url = `postgres://${DATABASE_USER}:${password}@${HOST}:${port}/postgres`;
    const server = await launch(paths, software.postgres, {
      ...settings,
      ...options.settings,
      port: String(port),
    });
    const failure = await answers(server, url, deadline);
    // The server of another start at the same moment may have answered.
    if (failure === null && (await livePostmaster(paths.data)) === server.pid) {
      await writeNote(path.join(paths.notes, 'owner'), `${process.pid}\n`);
      await writeNote(path.join(paths.notes, 'url'), `${url}\n`);
      return {
        url,
        pid: server.pid,
        exited: server.exited,
        stop: async () => {
          await stop(server);
          await rm(path.join(paths.notes, 'owner'), { force: true });
        },
      };
    }
    await stop(server);
    const output = await server.output();
    await refuseIfUsed(home, paths);
    const again = /Address already in use|could not create any TCP\/IP sockets/.test(output)
      ? 'port'
      : // Processes of a server that was killed have not noticed yet.
        /shared memory block .* is still in use/.test(output)
        ? 'wait'
        : null;
    if (again === null || Date.now() > deadline) {
      throw postgresFailed('Postgres did not start', output.trim() || String(failure), paths);
    }
    if (again === 'port') port = await freePort(null);
    else await delay(200);
  }
}

/** The url that the Postgres of a home was started under; throws LowrankError `database_unavailable`. */
export async function embeddedPostgresUrl(home: string): Promise<string> {
  const file = path.join(home, 'postgres/url');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new LowrankError(
      'database_unavailable',
      `no DATABASE_URL is set and ${file} cannot be read: start the server with "lowrank start", or set DATABASE_URL`,
      { cause, details: { home } },
    );
  }
}

/** A server whose starter was killed ends by itself; one that does not is signalled. */
async function waitForOrphan(home: string, paths: PostgresPaths): Promise<void> {
  const begin = Date.now();
  for (let signals = 0; ;) {
    await refuseIfUsed(home, paths, { orphans: false });
    const pid = await livePostmaster(paths.data);
    if (pid === null) return;
    const waited = Date.now() - begin;
    if (waited > (signals + 1) * ORPHAN_MS) {
      if (signals === 2) throw inUse(home, pid, pid);
      process.kill(pid, signals === 0 ? 'SIGINT' : 'SIGQUIT');
      signals += 1;
    }
    await delay(50);
  }
}

async function refuseIfUsed(home: string, paths: PostgresPaths, { orphans = true } = {}): Promise<void> {
  const postmaster = await livePostmaster(paths.data);
  if (postmaster === null) return;
  const owner = Number(await readFile(path.join(paths.notes, 'owner'), 'utf8').catch(() => ''));
  if (owner > 1 && isAlive(owner)) throw inUse(home, owner, postmaster);
  if (orphans) throw inUse(home, postmaster, postmaster);
}

function inUse(home: string, pid: number, postmaster: number): LowrankError {
  return new LowrankError(
    'home_in_use',
    `${home} is in use by process ${pid}${pid === postmaster ? '' : ` (its Postgres is process ${postmaster})`}: ` +
      'stop that first, or set LOWRANK_HOME to another folder',
    { details: { home, pid, postmaster } },
  );
}

/**
 * After a crash another program may have got the number in `postmaster.pid`, and Postgres would take it for a server.
 * Two servers on one data folder stay impossible: they also find each other by shared memory.
 */
async function forgetForeignPid(paths: PostgresPaths): Promise<void> {
  const file = path.join(paths.data, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  if (pid > 1 && isAlive(pid) && (await livePostmaster(paths.data)) === null) await rm(file, { force: true });
}

async function lastPort(paths: PostgresPaths): Promise<number | null> {
  const url = await readFile(path.join(paths.notes, 'url'), 'utf8').catch(() => '');
  return URL.canParse(url.trim()) ? Number(new URL(url.trim()).port) : null;
}
