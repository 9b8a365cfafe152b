/** Where the embedded Postgres of a home keeps its files. */
import { createHash, randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LowrankError } from '#base/errors.js';
import {
  type Account,
  canEnter,
  postgresAccount,
  SHARED_FOLDER,
} from '#platform/database/postgres-software.js';
import { livePostmaster } from '#platform/database/postmaster.js';

/** In a folder outside its home: whose it is. */
const HOME_NOTE = 'home';

export interface PostgresPaths {
  /** `HOME/postgres`: url, log, and who started it. */
  readonly notes: string;
  /** The folder that holds `data`: that of the notes, unless the account of Postgres cannot walk into the home. */
  readonly folder: string;
  readonly data: string;
  readonly account: Account | null;
}

/** Finds or makes the folders for a home. Throws LowrankError `home_unusable` or `postgres_account`. */
export async function openPostgresPaths(home: string): Promise<PostgresPaths> {
  const notes = path.join(home, 'postgres');
  try {
    await mkdir(notes, { recursive: true, mode: 0o700 });
    const folder = await dataFolder(notes);
    const data = path.join(folder, 'data');
    return { notes, folder, data, account: await postgresAccount(data) };
  } catch (cause) {
    if (cause instanceof LowrankError) throw cause;
    throw new LowrankError(
      'home_unusable',
      `the folder ${notes} cannot be used (${(cause as Error).message}): set LOWRANK_HOME to a folder that you can write`,
      { cause, details: { home } },
    );
  }
}

/** Written down at the first start, so that a home whose modes change later keeps its data. */
async function dataFolder(notes: string): Promise<string> {
  const note = path.join(notes, 'folder');
  const known = await readFile(note, 'utf8').catch(() => '');
  if (known !== '') return known.trim();
  const account = await postgresAccount(path.join(notes, 'data'));
  if (account !== null) {
    // It must walk in, and nobody else.
    await chown(notes, process.getuid!(), account.gid);
    await chmod(notes, 0o710);
  }
  const reached = account === null || (await canEnter(account, notes));
  if (reached) return notes;
  const digest = createHash('sha256')
    .update(await realpath(notes))
    .digest('hex');
  const folder = path.join(SHARED_FOLDER, `home-${digest.slice(0, 16)}`);
  await removeTemporaryHomes();
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeNote(path.join(folder, HOME_NOTE), `${path.dirname(notes)}\n`);
  await writeNote(note, `${folder}\n`);
  return folder;
}

/** Homes in the system's folder for temporary files vanish without a word; their databases need not stay. */
async function removeTemporaryHomes(): Promise<void> {
  for (const name of await readdir(SHARED_FOLDER).catch(() => [])) {
    const folder = path.join(SHARED_FOLDER, name);
    const home = (await readFile(path.join(folder, HOME_NOTE), 'utf8').catch(() => '')).trim();
    const isTemporary = home.startsWith(`${tmpdir()}${path.sep}`);
    if (!isTemporary || (await isThere(home)) || (await livePostmaster(path.join(folder, 'data'))) !== null)
      continue;
    await rm(folder, { recursive: true, force: true });
  }
}

async function isThere(folder: string): Promise<boolean> {
  return access(folder).then(
    () => true,
    () => false,
  );
}

/** Makes a folder that belongs to the account of Postgres and is closed to others. */
export async function makeOwnFolder(folder: string, account: Account | null): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  if (account !== null) await chown(folder, account.uid, account.gid);
}

/** Writes a small file that only this process's account may read; readers see the old or the new one, whole. */
export async function writeNote(file: string, text: string, account: Account | null = null): Promise<void> {
  const temporary = `${file}.${randomUUID()}.partial`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
    if (account !== null) await chown(temporary, account.uid, account.gid);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
