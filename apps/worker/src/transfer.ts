/** Files between a folder and the object store, their content held against its SHA-256 on the way. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LowrankError } from '#base/errors.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { ObjectStore } from '#platform/objects/object-store.js';

/**
 * Writes an object as a file, which appears whole or not at all. Throws LowrankError `object_corrupt` if its content is
 * not what was stored, the errors of the store, and the signal's reason.
 */
export async function download(
  objects: ObjectStore,
  { key, sha256 }: Pick<ManifestFile, 'key' | 'sha256'>,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.partial`;
  try {
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(await objects.get(key), hashing, createWriteStream(temporary), { signal });
    if (hash.digest('hex') !== sha256) {
      throw new LowrankError(
        'object_corrupt',
        `the object ${key} is not what was stored: its SHA-256 differs`,
        {
          details: { key },
        },
      );
    }
    await flush(temporary);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    signal.throwIfAborted();
    throw error;
  }
}

async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Downloads the files of a folder, which appears whole or not at all. Throws as `download`. */
export async function downloadFolder(
  objects: ObjectStore,
  files: readonly ManifestFile[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const temporary = join(dirname(folder), `.${folder.split(/[\\/]/).at(-1)}.tmp`);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  try {
    for (const file of files) {
      if (!isPlainName(file.path)) {
        throw new LowrankError('object_corrupt', `a manifest names the file ${JSON.stringify(file.path)}`);
      }
      await download(objects, file, join(temporary, file.path), signal);
    }
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Uploads files of a folder under a prefix and yields their manifest. A repeated upload finds what it wrote before. */
export async function uploadFolder(
  objects: ObjectStore,
  folder: string,
  names: readonly string[],
  prefix: string,
  signal: AbortSignal,
): Promise<ManifestFile[]> {
  const manifest: ManifestFile[] = [];
  for (const path of names) {
    const key = `${prefix}/${path}`;
    const { bytes, sha256 } = await uploadFile(objects, join(folder, path), key, signal);
    manifest.push({ path, key, bytes, sha256 });
  }
  return manifest;
}

async function uploadFile(
  objects: ObjectStore,
  file: string,
  key: string,
  signal: AbortSignal,
): Promise<{ bytes: number; sha256: string }> {
  try {
    return await objects.put(key, createReadStream(file), { signal });
  } catch (error) {
    if (!(error instanceof LowrankError) || error.code !== 'object_exists') throw error;
  }
  // Written before, but the answer was lost; only this attempt writes under its keys.
  const [stored, local] = await Promise.all([digest(await objects.get(key)), digest(createReadStream(file))]);
  if (stored.sha256 !== local.sha256) {
    throw new LowrankError('object_exists', `the object ${key} already exists with different content`, {
      details: { key },
    });
  }
  return stored;
}

async function digest(content: AsyncIterable<unknown>): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** A second name for every file of a folder, so that its owner may remove it; copies where links cannot be made. */
export async function linkFolder(from: string, names: readonly string[], to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  for (const name of names) {
    await link(join(from, name), join(to, name)).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw error;
      await copyFile(join(from, name), join(to, name));
    });
  }
}

export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name);
}

const longestPause = 30_000;

/** Told when work begins to wait for the store, at every try that fails, and when it goes on. */
export interface StoreWait {
  readonly waits: (error: LowrankError) => void;
  readonly goesOn: () => void;
}

/** Does the work again as long as the store cannot be reached, or has no room. Throws the signal's reason. */
export async function whenStoreAnswers<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  { waits, goesOn }: StoreWait,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      const result = await work();
      if (tries > 0) goesOn();
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LowrankError) || !['store_unavailable', 'store_full'].includes(error.code))
        throw error;
      waits(error);
    }
    const pause = Math.min(longestPause, 500 * 2 ** tries);
    await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
