/** One process for each task: a file that names the process that holds it. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { isAlive, processStart } from '#platform/process-identity.js';

const holderSchema = z.object({
  pid: z.int().positive(),
  start: z.string().optional(),
  url: z.string().optional(),
});

/** The process that holds a lock. */
export type Holder = z.infer<typeof holderSchema>;

export interface ProcessLock {
  /** Whether a holder before this one did not clear away. */
  readonly wasLeftBehind: boolean;
  /** Notes an address, for people who come second. */
  note(url: string): Promise<void>;
  release(): Promise<void>;
}

/** Whoever removes a file needs less. */
const guardPauseMs = 10;

/** The living process that holds a lock, or undefined. */
export async function findHolder(file: string): Promise<Holder | undefined> {
  const holder = parseHolder(await readText(file));
  return holder && isAlive(holder.pid, holder.start) ? holder : undefined;
}

/**
 * Takes a lock, from a process that is gone too; or tells who holds it. `file` lies in a folder that is there. Throws the
 * errors of the file system.
 */
export async function takeLock(file: string): Promise<ProcessLock | { readonly holder: Holder }> {
  const own = `${file}.${randomBytes(6).toString('hex')}`;
  const me: Holder = { pid: process.pid, start: processStart(process.pid) };
  await writeFile(own, JSON.stringify(me), { mode: 0o600 });
  try {
    const { holder, wasLeftBehind } = await take(file, own);
    if (holder) return { holder };
    return {
      wasLeftBehind,
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
