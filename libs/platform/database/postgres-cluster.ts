/** The data folder of the embedded Postgres: made once, whole or not at all. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, chown, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { LowrankError } from '#base/errors.js';
import { makeOwnFolder, type PostgresPaths, writeNote } from '#platform/database/postgres-paths.js';
import type { Account, PostgresSoftware } from '#platform/database/postgres-software.js';
import { randomText } from '#platform/ids.js';

/** The superuser, and owner of the one database that is used, `postgres`. */
export const DATABASE_USER = 'lowrank';

const PASSWORD_FILE = 'lowrank-password';
const ABANDONED_MS = 10 * 60 * 1000;

/** What a program of Postgres may see of this process's environment: none of its secrets. */
export const postgresEnvironment: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** Spawn options that lend an account. */
export function asAccount(account: Account | null): { uid?: number; gid?: number } {
  return account ?? {};
}

/**
 * Makes the data folder unless it is there, and returns the password of its user. What is not `durable` may be lost
 * when the machine goes down.
 *
 * Throws LowrankError `postgres_failed`, `postgres_version` if another major version wrote the data, or `disk_full`.
 */
export async function prepareCluster(
  paths: PostgresPaths,
  software: PostgresSoftware,
  { durable }: { readonly durable: boolean },
): Promise<string> {
  const version = await versionOf(paths.data);
  if (version === null) await createCluster(paths, software, durable);
  else if (version !== software.version.split('.')[0]) {
    throw new LowrankError(
      'postgres_version',
      `${paths.data} was written by Postgres ${version}, and this program brings ${software.version}: ` +
        'start the version of the program that made it, dump the database, and load it into a new LOWRANK_HOME',
      { details: { folder: paths.data, version } },
    );
  }
  const passwordFile = path.join(paths.data, PASSWORD_FILE);
  try {
    await makePrivate(passwordFile);
    return (await readFile(passwordFile, 'utf8')).trim();
  } catch (cause) {
    throw new LowrankError(
      'postgres_failed',
      `the password of the database in ${paths.data} cannot be read: restore its file ${PASSWORD_FILE} from a backup`,
      { cause },
    );
  }
}

/** Takes a file to this account, where root lent it to the account of Postgres. */
async function makePrivate(file: string): Promise<void> {
  const { uid, mode } = await stat(file);
  const own = process.getuid?.();
  if (own === 0 && uid !== own) await chown(file, own, process.getgid!());
  if ((mode & 0o077) !== 0) await chmod(file, 0o600);
}

async function versionOf(data: string): Promise<string | null> {
  return readFile(path.join(data, 'PG_VERSION'), 'utf8').then(
    (version) => version.trim(),
    () => null,
  );
}

async function createCluster(
  paths: PostgresPaths,
  software: PostgresSoftware,
  durable: boolean,
): Promise<void> {
  await removeAbandoned(paths.folder);
  const password = randomText(32);
  const id = randomUUID();
  const temporary = path.join(paths.folder, `data.${id}.partial`);
  const passwordFile = path.join(paths.folder, `password.${id}.partial`);
  try {
    await makeOwnFolder(temporary, paths.account);
    await writeNote(passwordFile, password, paths.account);
    await initialise(paths, software, temporary, passwordFile, durable ? [] : ['--no-sync']);
    // Of this account: Postgres itself never reads it, and others may share the account that it runs under.
    await writeNote(path.join(temporary, PASSWORD_FILE), `${password}\n`);
    await rename(temporary, paths.data);
  } catch (error) {
    // Another process may have been faster; then its data are used.
    if ((await versionOf(paths.data)) === null) throw error;
  } finally {
    await rm(passwordFile, { force: true });
    await rm(temporary, { recursive: true, force: true });
  }
}

async function initialise(
  paths: PostgresPaths,
  software: PostgresSoftware,
  folder: string,
  passwordFile: string,
  flags: readonly string[],
): Promise<void> {
  const child = spawn(
    software.initdb,
    [
      `--pgdata=${folder}`,
      `--username=${DATABASE_USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...flags,
    ],
    {
      ...asAccount(paths.account),
      cwd: paths.folder,
      env: postgresEnvironment,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const exited = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  let output = '';
  try {
    const [status, errors] = await Promise.all([exited, text(child.stderr)]);
    if (status === 0) return;
    output = errors.trim() || `initdb ended with ${String(status)}`;
  } catch (cause) {
    throw postgresFailed('a database could not be made', (cause as Error).message, paths, cause);
  }
  throw postgresFailed('a database could not be made', output, paths);
}

/** An error of Postgres in its own words; a full disk is told apart. */
export function postgresFailed(
  what: string,
  output: string,
  paths: PostgresPaths,
  cause?: unknown,
): LowrankError {
  if (/No space left on device|Disk quota exceeded/.test(output)) {
    return new LowrankError(
      'disk_full',
      `the disk is full: free some space for ${paths.folder} and start again`,
      {
        cause,
        details: { folder: paths.folder },
      },
    );
  }
  return new LowrankError(
    'postgres_failed',
    `${what} in ${paths.data}: ${output.slice(-2000)} (see ${path.join(paths.notes, 'postgres.log')}, or set DATABASE_URL to use another Postgres)`,
    { cause, details: { folder: paths.data } },
  );
}

/** What was left by a start that was killed while it made its data folder. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.partial')) continue;
    const file = path.join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(file, { recursive: true, force: true });
  }
}
