/** Files of the server as a new folder: all of them, each checked by its SHA-256, or no folder. */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LowrankError } from '#base/errors.js';
import { isPlainPath } from '#base/plain-path.js';
import type { LowrankClient } from '#client/client.js';
import type { DownloadOptions } from '#client/download.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { ExportObject } from '#contracts/http/compositions.js';

export interface FetchOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (file: string, doneBytes: number, totalBytes: number) => void;
}

/**
 * Fetches an adapter's files. Whatever it throws, nothing of them stays.
 *
 * Throws ApiError, LowrankError `output_exists` (there is something in the folder), `download_damaged` and
 * `server_unreachable`.
 */
export async function fetchAdapter(
  client: LowrankClient,
  adapter: AdapterObject,
  folder: string,
  options: FetchOptions = {},
): Promise<void> {
  const partial = `${hiddenBeside(folder)}-${randomBytes(6).toString('hex')}`;
  const read = (name: string, range: DownloadOptions) => client.adapters.file(adapter.id, name, range);
  try {
    await fetchFolder({ source: adapter, read, partial, folder }, options);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Fetches a merged model. Throws as `fetchAdapter` does; what has come stays in `partialExport` and is not fetched again. */
export async function fetchExport(
  client: LowrankClient,
  made: ExportObject,
  folder: string,
  options: FetchOptions = {},
): Promise<void> {
  const partial = partialExport(made, folder);
  const read = (name: string, range: DownloadOptions) => client.exports.file(made.id, name, range);
  await fetchFolder({ source: made, read, partial, folder }, options);
}

/** Where the files of a merged model are until all of them are there. */
export function partialExport({ id }: Pick<ExportObject, 'id'>, folder: string): string {
  return `${hiddenBeside(folder)}-${id}`;
}

interface WantedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface Fetching {
  readonly source: { readonly id: string; readonly bytes: number; readonly files: readonly WantedFile[] };
  readonly read: (name: string, options: DownloadOptions) => AsyncIterable<Uint8Array>;
  /** The folder until it is whole. */
  readonly partial: string;
  readonly folder: string;
}

async function fetchFolder(
  { source, read, partial, folder }: Fetching,
  { signal, onProgress }: FetchOptions,
): Promise<void> {
  const target = resolve(folder);
  await requireEmpty(target);
  let done = 0;
  for (const file of source.files) {
    if (!isPlainPath(file.name)) throw misnamed(source.id, file.name);
    const path = join(partial, file.name);
    await mkdir(dirname(path), { recursive: true });
    const onBytes = (bytes: number) => onProgress?.(file.name, done + bytes, source.bytes);
    const content = (start: number) => read(file.name, { start, signal });
    const found = await completeFile(path, file.bytes, content, onBytes);
    if (found.bytes !== file.bytes || found.sha256 !== file.sha256) {
      await rm(path, { force: true });
      throw damaged(source.id, file, found);
    }
    done += file.bytes;
  }
  // An empty folder may be in the place.
  await rmdir(target).catch(() => undefined);
  await rename(partial, target);
}

/** Appends to a file what is missing of it, and tells what it then holds. */
async function completeFile(
  path: string,
  wanted: number,
  content: (start: number) => AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = await hashFile(path, hash);
  onBytes(bytes);
  if (bytes < wanted || bytes === 0) {
    const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.byteLength;
        onBytes(bytes);
        yield chunk;
      }
    };
    await pipeline(content(bytes), counted, createWriteStream(path, { flags: 'a' }));
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Takes what is there of a file into a hash. Returns its size, 0 for a file that is not there. */
async function hashFile(path: string, hash: Hash): Promise<number> {
  const size = (await stat(path).catch(() => null))?.size ?? 0;
  if (size > 0) await pipeline(createReadStream(path), hash, { end: false });
  return size;
}

/** A server is not trusted to say where files go. */
function misnamed(id: string, name: string): LowrankError {
  const message = `${id} has a file called ${JSON.stringify(name)}, which is not fetched: a name is letters, digits, ".", "_" and "-", with "/" between folders`;
  return new LowrankError('answer_unexpected', message, { details: { id, file: name } });
}

function damaged(
  id: string,
  { name, bytes, sha256 }: WantedFile,
  found: { readonly bytes: number },
): LowrankError {
  return new LowrankError(
    'download_damaged',
    `${name} of ${id} arrived damaged (${found.bytes} bytes; ${bytes} with the SHA-256 ${sha256} were expected): fetch it again`,
    { details: { id, file: name, size: found.bytes, bytes, sha256 } },
  );
}

const hiddenBeside = (folder: string) => join(dirname(resolve(folder)), `.${basename(resolve(folder))}`);

/** Throws LowrankError `output_exists` if there is something in a folder that is to be made. */
async function requireEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return ['a file'];
    throw error;
  });
  if (entries.length === 0) return;
  throw new LowrankError('output_exists', `${folder} exists already: name a new folder with --out`, {
    details: { folder },
  });
}
