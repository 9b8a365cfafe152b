/** One process of Postgres, and the pipe whose end is its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { asAccount, postgresEnvironment, postgresFailed } from '#platform/database/postgres-cluster.js';
import type { PostgresPaths } from '#platform/database/postgres-paths.js';
import { isAlive } from '#platform/database/postmaster.js';

/** Where it listens: nobody else's machine can reach it. */
export const HOST = '127.0.0.1';
const MAX_LOG_BYTES = 10 * 2 ** 20;

/**
 * Keeps the pipe to this process in the background, then becomes Postgres. The watcher is not a child of it: Postgres
 * would count the end of an unknown child as a crash.
 */
export const LAUNCH = `exec 3<&0
( ( cat <&3 >/dev/null 2>&1; kill -INT $$ 2>/dev/null ) & )
exec 3<&- </dev/null
exec "$@"`;

export interface PostgresServer {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly exited: Promise<string>;
  /** What it wrote to the log. */
  output(): Promise<string>;
}

/** Starts the program on a data folder that is ready; throws LowrankError `postgres_failed`. */
export async function launch(
  paths: PostgresPaths,
  program: string,
  settings: Readonly<Record<string, string>>,
): Promise<PostgresServer> {
  const logFile = path.join(paths.notes, 'postgres.log');
  await rotate(logFile);
  const log = await open(logFile, 'a', 0o600);
  const { size: begin } = await log.stat();
  try {
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn('/bin/sh', ['-c', LAUNCH, 'sh', program, '-D', paths.data, ...flags], {
      ...asAccount(paths.account),
      cwd: paths.folder,
      env: postgresEnvironment,
      detached: true,
      stdio: ['pipe', log.fd, log.fd],
    });
    const exited = new Promise<string>((resolve) => {
      child.once('error', ({ message }) => resolve(message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    // Ends the watcher too; a write to a server that is gone is no error of this process.
    child.stdin!.on('error', () => undefined);
    child.once('exit', () => child.stdin!.destroy());
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    // Neither keeps this process alive: if it ends, so does the server.
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    const output = async (): Promise<string> => (await readFile(logFile)).subarray(begin).toString();
    return { pid: child.pid!, child, exited, output };
  } catch (cause) {
    throw postgresFailed('Postgres did not start', (cause as Error).message, paths, cause);
  } finally {
    await log.close();
  }
}

/** Null once a client can connect; otherwise why not. */
export async function answers(server: PostgresServer, url: string, deadline: number): Promise<string | null> {
  let ended: string | undefined;
  void server.exited.then((how) => (ended = how));
  let last = '';
  while (Date.now() < deadline) {
    if (ended !== undefined) return `it ended with ${ended}`;
    try {
      await connectOnce(url);
      return null;
    } catch (error) {
      last = (error as Error).message;
    }
    await delay(30);
  }
  return `it does not answer: ${last}`;
}

async function connectOnce(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Ends the server, whatever it does. */
export async function stop({ child, exited, pid }: PostgresServer): Promise<void> {
  child.ref();
  child.stdin!.end();
  // A fast shutdown writes a checkpoint; if that takes too long, the next start recovers from the log instead.
  const steps = [
    { after: 10_000, signal: 'SIGQUIT' },
    { after: 5000, signal: 'SIGKILL' },
  ] as const;
  for (const { after, signal } of steps) {
    const timer = new AbortController();
    const late = delay(after, true, { signal: timer.signal }).catch(() => false);
    const isLate = await Promise.race([late, exited.then(() => false)]);
    timer.abort();
    if (!isLate) return;
    if (isAlive(pid)) child.kill(signal);
  }
  await exited;
}

/** The preferred port if nobody has it, otherwise another one. */
export async function freePort(preferred: number | null): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(preferred ?? 0, HOST, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  } catch (error) {
    if (preferred === null) throw error;
    return await freePort(null);
  } finally {
    server.close();
  }
}

async function rotate(file: string): Promise<void> {
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size > MAX_LOG_BYTES) await rename(file, `${file}.1`);
}
