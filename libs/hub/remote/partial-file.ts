/**
 * What there is of a download that is not whole: `BLOB.incomplete` while nobody works on it. Whoever goes on gives it a name of its
 * own, so that two processes that fetch the same file do not write into each other's.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';

const ending = '.incomplete';
/** Longer than a download is silent before it gives up, and than reading the beginning of one takes. */
const abandonedMs = 15 * 60_000;

const host = hostname().replaceAll(/[^A-Za-z0-9-]/g, '-');
/** Files that this process writes to. */
const own = new Set<string>();

/** The blob that a file of its folder is, or is the beginning of. */
export const blobOf = (name: string): string => (name.endsWith(ending) ? name.split('.')[0]! : name);

/** Takes the largest beginning that nobody works on; yields the name to go on with, of a file that may not be there yet. */
export async function takePartial(blob: string): Promise<string> {
  const mine = `${blob}.${host}-${process.pid}-${randomBytes(4).toString('hex')}${ending}`;
  own.add(mine);
  for (const { file } of await freePartials(blob)) {
    // Another process may have been quicker.
    const isMine = await rename(file, mine).then(
      () => true,
      () => false,
    );
    if (!isMine) continue;
    const now = new Date();
    await utimes(mine, now, now);
    break;
  }
  return mine;
}

/** Leaves a beginning to whoever goes on, unless a larger one is there. */
export async function leavePartial(blob: string, mine: string): Promise<void> {
  const left = `${blob}${ending}`;
  if ((await sizeOf(left)) >= (await sizeOf(mine))) await rm(mine, { force: true });
  else await rename(mine, left);
  own.delete(mine);
}

/** Gives a whole file its name. */
export async function finishPartial(blob: string, mine: string): Promise<void> {
  await rename(mine, blob);
  own.delete(mine);
}

/** Bytes of a file that need not come again. */
export async function partialBytes(blob: string): Promise<number> {
  return (await freePartials(blob))[0]?.size ?? 0;
}

async function freePartials(blob: string): Promise<{ readonly file: string; readonly size: number }[]> {
  const [folder, name] = [path.dirname(blob), path.basename(blob)];
  const names = await readdir(folder).catch(() => []);
  const found: { file: string; size: number }[] = [];
  for (const partial of names) {
    if (!partial.endsWith(ending) || blobOf(partial) !== name) continue;
    const file = path.join(folder, partial);
    const status = await stat(file).catch(() => null);
    if (status && isFree(file, status.mtimeMs)) found.push({ file, size: status.size });
  }
  return found.toSorted((a, b) => b.size - a.size);
}

function isFree(file: string, writtenAt: number): boolean {
  const [, , owner] = /^([^.]+)\.(.+)\.incomplete$/.exec(path.basename(file)) ?? [];
  if (owner === undefined) return true;
  const [, where, pid] = /^(.*)-(\d+)-[0-9a-f]+$/.exec(owner) ?? [];
  if (where === host) return Number(pid) === process.pid ? !own.has(file) : !isAlive(Number(pid));
  // Another machine on the same disk.
  return Date.now() - writtenAt > abandonedMs;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0;
}
