/** Files and folders that appear under their name whole or not at all, whenever the process or the machine dies. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isDiskFull, LowrankError } from '#base/errors.js';

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file: a temporary neighbour first, flushed to the disk, then renamed over `file`.
 *
 * An older file stays as it is until then, and for ever if this fails. Throws LowrankError `disk_full`.
 */
export async function writeFileAtomically(file: string, chunks: Chunks): Promise<void> {
  const temporary = temporaryNeighbour(file);
  try {
    await writeFlushed(temporary, chunks);
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw writeError(file, cause);
  }
  await flushFolder(path.dirname(file));
}

/**
 * Makes a folder: `fill` writes into a temporary neighbour, which is then renamed to `folder`.
 *
 * Of several that race for one name exactly one succeeds. Throws LowrankError `folder_exists` if the name is taken and
 * `disk_full`.
 */
export async function writeFolderAtomically(
  folder: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryNeighbour(folder);
  try {
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await flushFolder(temporary);
    // Renaming over a folder fails unless that folder is empty: this is the exclusive step.
    await rename(temporary, folder);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw writeError(folder, cause);
  }
  await flushFolder(path.dirname(folder));
}

/**
 * Writes a new file and flushes it to the disk; for files inside a folder that is not visible yet.
 *
 * Rejects with the error of the file system as it is: whoever makes the folder names what could not be written.
 */
export async function writeFlushed(file: string, chunks: Chunks): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for await (const chunk of chunks) {
      for (let done = 0; done < chunk.length;) {
        const { bytesWritten } = await handle.write(chunk, done, Math.min(chunk.length - done, 1 << 30));
        done += bytesWritten;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name beside a file or folder, for what will be renamed to it; hidden, and ending in `.tmp`. */
export function temporaryNeighbour(target: string): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** A rename is on the disk only when its folder is. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  try {
    // Not every file system can flush a folder; then the rename is as safe as that file system makes it.
    await handle?.sync().catch(() => undefined);
  } finally {
    await handle?.close();
  }
}

/** What the file system refused, as a typed error where people can do something about it. */
export function writeError(target: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (cause instanceof LowrankError) return cause;
  if (isDiskFull(cause) || code === 'EFBIG') {
    return new LowrankError('disk_full', `no room to write ${target}: free some space and try again`, {
      cause,
      details: { file: target },
    });
  }
  if (code === 'ENOTEMPTY' || code === 'EEXIST') {
    return new LowrankError('folder_exists', `${target} exists already and is not overwritten`, {
      cause,
      details: { folder: target },
    });
  }
  return cause;
}
