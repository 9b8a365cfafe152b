/** Files of merged models: fetched one after another, each checked; what broke off goes on where it was. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { ExportObject } from '#contracts/http/compositions.js';
import { LowrankError } from '#base/errors.js';
import { waitFor } from '../wait.js';
import { requireEmpty } from './adapters.js';
import type { Connection } from './connection.js';
import { ApiError, isBreak, unreachable } from './errors.js';

type File = ExportObject['files'][number];

export interface ExportDownloadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (file: string, doneBytes: number, totalBytes: number) => void;
}

/** What is there of a file, and who is told of more. */
interface Rest {
  readonly size: number;
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Breaks in a row without a new byte between them. */
const mostBreaks = 5;
const pauseMs = 500;
const partialCode = 206;

export class ExportDownloads {
  constructor(private readonly connection: Connection) {}

  /** Where the files lie until all of them are whole: another download of the export into the folder goes on from there. */
  partialFolder({ id }: ExportObject, folder: string): string {
    const target = resolve(folder);
    return join(dirname(target), `.${basename(target)}-${id}`);
  }

  /**
   * Puts the files of an export into a new folder, which appears when each has the SHA-256 that the server names.
   *
   * Throws ApiError, LowrankError `output_exists` (there is something in the folder), `download_damaged` and
   * `server_unreachable`. What was fetched stays in `partialFolder` then.
   */
  async download(made: ExportObject, folder: string, options: ExportDownloadOptions = {}): Promise<void> {
    const target = resolve(folder);
    await requireEmpty(target);
    const partial = this.partialFolder(made, folder);
    await mkdir(partial, { recursive: true });
    let done = 0;
    for (const file of made.files) {
      const onBytes = (bytes: number) => options.onProgress?.(file.name, done + bytes, made.bytes);
      await this.fetchPatiently(made.id, file, join(partial, file.name), onBytes, options.signal);
      done += file.bytes;
    }
    // An empty folder may be in the place.
    await rmdir(target).catch(() => undefined);
    await rename(partial, target);
  }

  private async fetchPatiently(
    id: string,
    file: File,
    path: string,
    onBytes: (bytes: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (let breaks = 0, before = -1; ;) {
      const size = await sizeOf(path);
      if (size > before) breaks = 0;
      before = size;
      onBytes(size);
      try {
        if (size < file.bytes) await this.fetchRest(id, file, path, { size, onBytes, signal });
        return await this.check(id, file, path);
      } catch (error) {
        signal?.throwIfAborted();
        const isRefused = error instanceof ApiError && error.status < 500;
        if (isRefused || !isBreak(error)) throw error;
        if (++breaks === mostBreaks) throw unreachable(this.connection.url, error);
      }
      await waitFor(pauseMs, signal);
    }
  }

  private async fetchRest(
    id: string,
    { name }: File,
    path: string,
    { size, onBytes, signal }: Rest,
  ): Promise<void> {
    const url = `/v1/exports/${encodeURIComponent(id)}/files/${encodeURIComponent(name)}`;
    const range: Record<string, string> = size > 0 ? { range: `bytes=${size}-` } : {};
    const response = await this.connection.send('GET', url, { signal, headers: { accept: '*/*', ...range } });
    const isRest = response.status === partialCode;
    let seen = isRest ? size : 0;
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        seen += chunk.length;
        onBytes(seen);
        done(null, chunk);
      },
    });
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    await pipeline(body, meter, createWriteStream(path, { flags: isRest ? 'a' : 'w' }), { signal });
  }

  private async check(id: string, { name, bytes, sha256 }: File, path: string): Promise<void> {
    const size = await sizeOf(path);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    if (size === bytes && hash.digest('hex') === sha256) return;
    await rm(path, { force: true });
    throw new LowrankError(
      'download_damaged',
      `${name} of ${id} arrived with ${size} bytes that are not those of the model (${bytes}, sha256 ${sha256}): fetch it again`,
      { details: { export: id, file: name, size, bytes, sha256 } },
    );
  }
}

/** 0 for a file that is not there. */
async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}
