/** Files on their way to the object store, and waiting for it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LowrankError } from '#base/errors.js';
import { isPlainPath } from '#base/plain-path.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { ObjectStore } from '#platform/objects/object-store.js';

/** The files of a folder and of the folders in it, by their paths with `/`, sorted; hidden ones are passed over. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) =>
    relative(folder, join(parentPath, name)).split(sep).join('/'),
  );
  return paths.filter(isPlainPath).sort();
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
