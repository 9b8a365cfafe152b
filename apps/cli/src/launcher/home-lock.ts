/** One launcher for each home: a file that names the process that holds it. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { closeHome } from '#platform/private-home.js';
import { isAlive, processStart } from '#platform/process-identity.js';

const holderSchema = z.object({
  pid: z.int().positive(),
  start: z.string().optional(),
  url: z.string().optional(),
});

/** The launcher that runs on a home. */
export type Holder = z.infer<typeof holderSchema>;

export interface HomeLock {
  /** Whether a launcher before this one did not clear away: what it started may live for another moment. */
  readonly wasLeftBehind: boolean;
  /** Whether other accounts of the machine could look into the home until now. */
  readonly wasOpen: boolean;
  /** Notes the address, for people who try to start a second one. */
  note(url: string): Promise<void>;
  release(): Promise<void>;
}

/** Whoever removes a file needs less. */
const guardPauseMs = 10;

const fileOf = (home: string) => join(home, 'launcher.json');

/** The launcher that runs on a home, or undefined. */
export async function findHolder(home: string): Promise<Holder | undefined> {
  const holder = parseHolder(await readText(fileOf(home)));
  return holder && isAlive(holder.pid, holder.start) ? holder : undefined;
}

/** Takes a home. Throws LowrankError `home_in_use` (pid, url) if another launcher runs on it, `home_unusable`. */
export async function lockHome(home: string): Promise<HomeLock> {
  const file = fileOf(home);
  const own = `${file}.${randomBytes(6).toString('hex')}`;
  let wasOpen: boolean;
  const me: Holder = { pid: process.pid, start: processStart(process.pid) };
  try {
    wasOpen = await closeHome(home);
    await writeFile(own, JSON.stringify(me), { mode: 0o600 });
  } catch (cause) {
    const message = `the folder ${home} cannot be used (${(cause as Error).message}): set LOWRANK_HOME to one that can be written`;
    throw new LowrankError('home_unusable', message, { cause, details: { home } });
  }
  try {
    const { holder, wasLeftBehind } = await take(file, own);
    if (holder) throw inUse(home, holder);
    return {
      wasLeftBehind,
      wasOpen,
      note: (url) => replace(file, { ...me, url }),
      release: async () => {
        if (parseHolder(await readText(file))?.pid === process.pid) await rm(file, { force: true });
      },
    };
  } finally {
    await rm(own, { force: true });
  }
}

/** What was found instead of a file that could be taken. */
interface Taking {
  /** Who has it; undefined: it was taken. */
  readonly holder?: Holder;
  readonly wasLeftBehind: boolean;
}

async function take(file: string, own: string): Promise<Taking> {
  for (let wasLeftBehind = false; ;) {
    try {
      // Fails if the file is there, and shows it only with its content.
      await link(own, file);
      return { wasLeftBehind };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const text = await readText(file);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder && isAlive(holder.pid, holder.start)) return { holder, wasLeftBehind };
    wasLeftBehind = true;
    await removeLeft(file, text, own);
  }
}

/** One at a time removes what was left behind, so that nobody removes what somebody else has just taken. */
async function removeLeft(file: string, text: string, own: string): Promise<void> {
  const guard = `${file}.removing`;
  const { holder } = await take(guard, own);
  if (holder) {
    await delay(guardPauseMs);
    return;
  }
  try {
    if ((await readText(file)) === text) await rm(file, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

async function replace(file: string, holder: Holder): Promise<void> {
  const next = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(next, JSON.stringify(holder), { mode: 0o600 });
  await rename(next, file);
}

function inUse(home: string, { pid, url }: Holder): LowrankError {
  const where = url ? ` and listens on ${url}` : '';
  return new LowrankError(
    'home_in_use',
    `process ${pid} runs Lowrank on ${home} already${where}: use that one, stop it with "kill ${pid}", or set LOWRANK_HOME to another folder and PORT to another number`,
    { details: { pid, home, url } },
  );
}

function parseHolder(text: string | undefined): Holder | undefined {
  if (text === undefined) return undefined;
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    // Written by nothing of ours, or damaged: as good as left behind.
    return undefined;
  }
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
