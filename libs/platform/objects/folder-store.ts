/**
 * Objects as files in a folder:
 *
 *     FOLDER/objects/KEY    whole, never changed
 *     FOLDER/partial/ID     being written
 *
 * A file gets its name by a link, which fails if the name is taken; so of several writers one wins.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, mkdir, open, opendir, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isDiskFull, LowrankError } from '#base/errors.js';
import { Hashing } from '#platform/objects/hashing.js';
import { badKey, checkKey, checkPrefix } from '#platform/objects/object-keys.js';
import type { ObjectStore, StoredObject, WrittenObject } from '#platform/objects/object-store.js';
import { objectExists, objectMissing, storeFull, storeUnavailable } from '#platform/objects/store-errors.js';

/** After a crash a partial file stays behind; nobody writes one for longer than this. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

export class FolderStore implements ObjectStore {
  private constructor(private readonly folder: string) {}

  /** Opens a folder, made if it is missing. Throws LowrankError `store_unavailable`. */
  static async open(folder: string): Promise<FolderStore> {
    const store = new FolderStore(path.resolve(folder));
    await store.mapErrors(async () => {
      await mkdir(store.objects, { recursive: true });
      await mkdir(store.partial, { recursive: true });
      await store.removeAbandoned();
    });
    return store;
  }

  async put(
    key: string,
    content: Readable | Buffer,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<WrittenObject> {
    const file = this.fileOf(key);
    const temporary = path.join(this.partial, randomUUID());
    const hashing = new Hashing();
    const source = Buffer.isBuffer(content) ? Readable.from([content]) : content;
    let broken: unknown;
    source.once('error', (error) => (broken = error));
    try {
      // Soon, rather than after many bytes; the link below is what decides.
      if (await this.isThere(file)) throw objectExists(key);
      await this.mapErrors(async () => {
        const sink = createWriteStream(temporary, { flags: 'wx', flush: true });
        await pipeline(source, hashing, sink, { signal });
        await this.publish(key, temporary, file);
      });
      return { key, bytes: hashing.bytes, sha256: hashing.sha256() };
    } catch (error) {
      source.destroy();
      // The content's own failure is not the store's.
      throw broken ?? error;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(key: string, range: { start: number; length?: number } = { start: 0 }): Promise<Readable> {
    const file = this.fileOf(key);
    return this.mapErrors(async () => {
      const handle = await this.existing(key, open(file, 'r'));
      try {
        if (!(await handle.stat()).isFile()) throw objectMissing(key);
      } catch (error) {
        await handle.close();
        throw error;
      }
      if (range.length === 0) {
        await handle.close();
        return Readable.from([]);
      }
      return handle.createReadStream({
        start: range.start,
        end: range.length === undefined ? undefined : range.start + range.length - 1,
      });
    });
  }

  async head(key: string): Promise<StoredObject> {
    const file = this.fileOf(key);
    return this.mapErrors(async () => {
      const status = await this.existing(key, stat(file));
      if (!status.isFile()) throw objectMissing(key);
      return { key, bytes: status.size, modifiedAt: status.mtime };
    });
  }

  async delete(key: string): Promise<void> {
    const file = this.fileOf(key);
    await this.mapErrors(async () => {
      await rm(file, { force: true });
      for (let folder = path.dirname(file); folder !== this.objects; folder = path.dirname(folder)) {
        // Not empty, or gone already.
        if (!(await succeeds(rmdir(folder)))) break;
      }
    });
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    checkPrefix(prefix);
    const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    yield* this.walk(parent, prefix);
  }

  /** Writes, reads and removes a small file. */
  async ping(): Promise<void> {
    await this.mapErrors(async () => {
      const file = path.join(this.partial, randomUUID());
      const handle = await open(file, 'wx');
      try {
        await handle.writeFile('ping');
      } finally {
        await handle.close();
        await rm(file, { force: true });
      }
      await stat(this.objects);
    });
  }

  /** The file of an object, for readers on this machine that want no copy; it must not be changed. */
  async localFile(key: string): Promise<string> {
    await this.head(key);
    return this.fileOf(key);
  }

  private get objects(): string {
    return path.join(this.folder, 'objects');
  }

  private get partial(): string {
    return path.join(this.folder, 'partial');
  }

  private fileOf(key: string): string {
    checkKey(key);
    return path.join(this.objects, key);
  }

  private async publish(key: string, temporary: string, file: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await mkdir(path.dirname(file), { recursive: true });
        await link(temporary, file);
        break;
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code === 'ENOENT' && tries < 20) continue; // a folder that became empty was removed meanwhile
        if (code === 'EEXIST' && (await this.isThere(file))) throw objectExists(key, cause);
        if (code === 'EEXIST' || code === 'ENOTDIR') {
          throw badKey(key, 'a part of it is the name of another object, or it is the beginning of others');
        }
        throw cause;
      }
    }
    await syncFolder(path.dirname(file));
  }

  private async *walk(parent: string, prefix: string): AsyncIterable<StoredObject> {
    const entries = await this.mapErrors(async () => {
      const folder = path.join(this.objects, parent);
      return readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
        throw error;
      });
    });
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
    // By code units, so that keys come in the order that S3 gives them.
    for (const name of names.sort()) {
      const key = `${parent}${name}`;
      if (name.endsWith('/')) {
        if (key.startsWith(prefix) || prefix.startsWith(key)) yield* this.walk(key, prefix);
      } else if (key.startsWith(prefix)) {
        const status = await stat(path.join(this.objects, key)).catch(() => null);
        if (status?.isFile()) yield { key, bytes: status.size, modifiedAt: status.mtime };
      }
    }
  }

  private async isThere(file: string): Promise<boolean> {
    return succeeds(
      stat(file).then((status) => (status.isFile() ? status : Promise.reject(new Error('folder')))),
    );
  }

  private async existing<T>(key: string, action: Promise<T>): Promise<T> {
    try {
      return await action;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') throw objectMissing(key, cause);
      throw cause;
    }
  }

  private async mapErrors<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      const { name } = cause as NodeJS.ErrnoException;
      // What stopped the content, an abort among them, is the caller's own business.
      if (cause instanceof LowrankError || name === 'AbortError') throw cause;
      if (isDiskFull(cause)) throw storeFull(this.folder, cause);
      if (!isSystemError(cause)) throw cause;
      throw storeUnavailable(this.folder, 'check that the folder exists and can be written', cause);
    }
  }

  private async removeAbandoned(): Promise<void> {
    for await (const entry of await opendir(this.partial)) {
      const file = path.join(this.partial, entry.name);
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > ABANDONED_MS) await succeeds(unlink(file));
    }
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).errno === 'number';
}

async function succeeds(action: Promise<unknown>): Promise<boolean> {
  return action.then(
    () => true,
    () => false,
  );
}

/** Makes a new name durable. Not every platform lets a folder be opened. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
