/** Adapters: their files are fetched whole or not at all. */
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { type AdapterObject, adapterObject, adapterPage } from '#contracts/http/adapters.js';
import { LowrankError } from '#base/errors.js';
import type { Connection } from './connection.js';
import { ApiError, isBreak, unreachable } from './errors.js';
import { eachOf } from './pages.js';

type File = AdapterObject['files'][number];

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

export class AdaptersClient {
  constructor(private readonly connection: Connection) {}

  /** By its id. */
  async get(id: string): Promise<AdapterObject> {
    return this.connection.json('GET', pathOf(id), adapterObject);
  }

  /** Newest first. */
  list(query: { readonly model?: string } = {}): AsyncGenerator<AdapterObject> {
    return eachOf(this.connection, '/v1/adapters', adapterPage, query);
  }

  /**
   * Finds an adapter by its id, by the name of its model, by the job that made it, or by the suffix of its name if no
   * other has that. Throws `adapter_not_found` and `adapter_ambiguous`.
   */
  async find(reference: string): Promise<AdapterObject> {
    if (reference.startsWith('adapter-')) return this.get(reference);
    const alike: AdapterObject[] = [];
    for await (const adapter of this.list()) {
      if (adapter.name === reference || adapter.job === reference) return adapter;
      // ft:BASE:PROJECT:SUFFIX:ID
      if (reference !== '' && adapter.name.split(':').at(-2) === reference) alike.push(adapter);
    }
    const [only, ...others] = alike;
    if (only && others.length === 0) return only;
    if (only) {
      throw new LowrankError(
        'adapter_ambiguous',
        `${alike.length} adapters are called ${reference}: give the id of one, ${alike.map(({ id }) => id).join(', ')}`,
        { details: { reference } },
      );
    }
    throw new LowrankError(
      'adapter_not_found',
      `there is no adapter ${reference}: give an id, a job, or a name or its suffix that "lowrank adapters" lists`,
      { details: { reference } },
    );
  }

  /**
   * Puts an adapter's files into a new folder, each checked by its SHA-256.
   *
   * Throws ApiError, LowrankError `output_exists` (there is something in the folder) and `download_damaged`. Whatever
   * it throws, the folder is not made.
   */
  async download(adapter: AdapterObject, folder: string, options: DownloadOptions = {}): Promise<void> {
    const target = resolve(folder);
    await requireEmpty(target);
    await mkdir(dirname(target), { recursive: true });
    const partial = join(dirname(target), `.${basename(target)}-${randomBytes(6).toString('hex')}`);
    await mkdir(partial);
    try {
      let done = 0;
      for (const file of adapter.files) {
        const path = join(partial, file.name);
        if (dirname(path) !== partial) await mkdir(dirname(path), { recursive: true });
        await this.fetchPatiently(adapter.id, file, path, {
          ...options,
          onProgress: (bytes) => options.onProgress?.(done + bytes, adapter.bytes),
        });
        done += file.bytes;
      }
      // An empty folder may be in the place.
      await rmdir(target).catch(() => undefined);
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      throw error;
    }
  }

  private async fetchPatiently(
    id: string,
    file: File,
    path: string,
    options: DownloadOptions,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.fetchFile(id, file, path, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        const isRefused = error instanceof ApiError && error.status < 500;
        if (isRefused || !isBreak(error)) throw error;
        if (attempt === mostAttempts) throw unreachable(this.connection.url, error);
      }
    }
  }

  private async fetchFile(
    id: string,
    { name, bytes, sha256 }: File,
    path: string,
    { signal, onProgress }: DownloadOptions,
  ): Promise<void> {
    const url = `${pathOf(id)}/files/${name.split('/').map(encodeURIComponent).join('/')}`;
    const response = await this.connection.send('GET', url, { signal, headers: { accept: '*/*' } });
    const hash = createHash('sha256');
    let size = 0;
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        onProgress?.(size, bytes);
        done(null, chunk);
      },
    });
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    await pipeline(body, meter, createWriteStream(path), { signal });
    if (size === bytes && hash.digest('hex') === sha256) return;
    throw new LowrankError(
      'download_damaged',
      `${name} of ${id} arrived with ${size} bytes that are not those of the adapter (${bytes}, sha256 ${sha256}): fetch it again`,
      { details: { adapter: id, file: name, size, bytes, sha256 } },
    );
  }
}

/** A connection that breaks in the middle of a file is made again so often. */
const mostAttempts = 3;
const pathOf = (id: string) => `/v1/adapters/${encodeURIComponent(id)}`;

/** Throws LowrankError `output_exists` if there is something in a folder that is to be made. */
export async function requireEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return ['a file'];
    throw error;
  });
  if (entries.length === 0) return;
  throw new LowrankError('output_exists', `${folder} is there already: name a new folder with --out`, {
    details: { folder },
  });
}
