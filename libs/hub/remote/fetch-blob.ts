/** One file of a hub, fetched into the cache: goes on where it broke off, and is there only if its hash is right. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { isDiskFull, LowrankError } from '#base/errors.js';
import { waitFor } from '#base/wait.js';
import type { HubFile } from '#hub/remote/hub-listing.js';
import { finishPartial, leavePartial, sizeOf, takePartial } from '#hub/remote/partial-file.js';
import { type HubAccess, hubFetch, unreachable } from '#hub/remote/hub-requests.js';

export interface FetchOptions {
  readonly url: string;
  readonly access: HubAccess;
  readonly repository: string;
  readonly signal?: AbortSignal;
  /** Bytes that have come, also those of an earlier try. */
  readonly onBytes?: (bytes: number) => void;
  /** Before the second try; doubles with each. */
  readonly pauseMs?: number;
  /** Without a byte, after which a connection is given up. */
  readonly silenceMs?: number;
}

/** Tries in a row that bring nothing. */
const maxTries = 5;

/**
 * Fetches a file to `blob`; what came of one that broke off is gone on with (partial-file.ts).
 *
 * Throws LowrankError `download_damaged` if the hub sends other bytes than it promised, `disk_full`, the errors of `hubFetch`
 * and the signal's reason.
 */
export async function fetchBlob(file: HubFile, blob: string, options: FetchOptions): Promise<void> {
  await mkdir(path.dirname(blob), { recursive: true });
  const incomplete = await takePartial(blob);
  try {
    await fetchWhole(file, incomplete, options);
  } catch (error) {
    await leavePartial(blob, incomplete);
    throw error;
  }
  await finishPartial(blob, incomplete);
}

async function fetchWhole(file: HubFile, incomplete: string, options: FetchOptions): Promise<void> {
  let idle = 0;
  for (;;) {
    const had = await sizeOf(incomplete);
    try {
      await fetchRest(file, incomplete, options);
      break;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isDiskFull(error)) {
        throw new LowrankError(
          'disk_full',
          `no room is left on the disk for ${options.repository} ${file.name}`,
          {
            cause: error,
          },
        );
      }
      if (!(error instanceof LowrankError) || error.code !== 'download_failed') throw error;
      idle = (await sizeOf(incomplete)) > had ? 0 : idle + 1;
      if (idle >= maxTries) throw error;
      await waitFor((options.pauseMs ?? 1000) * 2 ** idle, options.signal);
    }
  }
}

async function fetchRest(file: HubFile, incomplete: string, options: FetchOptions): Promise<void> {
  const { repository, signal, onBytes } = options;
  let { hash, size: done } = await hashBeginning(file, incomplete, signal);
  onBytes?.(done);
  if (done < file.size || file.size === 0) {
    const response = await request(options, done);
    const isRest = response.status === 206 && rangeBegins(response, done);
    if (!isRest) {
      done = 0;
      hash = newHash(file);
    }
    if (response.status === 206 && !isRest) {
      await response.body?.cancel();
      await rm(incomplete, { force: true });
      throw unreachable(repository, `it answers with another part of ${file.name} than it was asked for`);
    }
    const handle = await open(incomplete, done === 0 ? 'w' : 'a');
    try {
      for await (const chunk of chunksOf(response, options)) {
        done += chunk.length;
        if (done > file.size) break;
        await handle.appendFile(chunk);
        hash.update(chunk);
        onBytes?.(done);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  if (done < file.size) throw unreachable(repository, `the connection ended within ${file.name}`);
  if (done > file.size || hash.digest('hex') !== file.etag) {
    await rm(incomplete, { force: true });
    throw new LowrankError(
      'download_damaged',
      `${repository}: ${file.name} came ${done > file.size ? `with more than its ${file.size} bytes` : 'with another hash than the hub names'}; nothing of it is kept. Try again`,
      { details: { repository, file: file.name } },
    );
  }
}

async function request({ url, access, repository, signal }: FetchOptions, from: number): Promise<Response> {
  const response = await hubFetch(
    repository,
    access,
    signal,
  )(url, {
    // A compressed answer would have other lengths than its parts are counted in.
    headers: {
      'accept-encoding': 'identity',
      ...(from > 0 ? { range: `bytes=${from}-` } : {}),
    },
  });
  if (response.status !== 416) return response;
  await response.body?.cancel();
  throw unreachable(repository, 'it has no such part of a file');
}

/** The bytes of an answer. Throws `download_failed` where the connection breaks, or is silent for too long. */
async function* chunksOf(
  response: Response,
  { repository, signal, silenceMs = 60_000 }: FetchOptions,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(unreachable(repository, 'it sends nothing any more')), silenceMs);
      });
      try {
        const { done, value } = await Promise.race([reader.read(), silence]);
        if (done) return;
        signal?.throwIfAborted();
        yield value;
      } catch (error) {
        signal?.throwIfAborted();
        throw error instanceof LowrankError ? error : unreachable(repository, 'the connection broke', error);
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function rangeBegins(response: Response, from: number): boolean {
  return response.headers.get('content-range')?.startsWith(`bytes ${from}-`) ?? false;
}

/** Git's hash is over a header and the content. */
function newHash({ hash, size }: HubFile): Hash {
  return hash === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

/** What there is of a file; one that has grown too long begins anew. */
async function hashBeginning(
  file: HubFile,
  incomplete: string,
  signal?: AbortSignal,
): Promise<{ hash: Hash; size: number }> {
  const hash = newHash(file);
  let size = await sizeOf(incomplete);
  if (size > file.size) {
    await rm(incomplete, { force: true });
    size = 0;
  }
  if (size > 0) {
    for await (const chunk of createReadStream(incomplete, { highWaterMark: 1 << 20, signal })) {
      hash.update(chunk as Uint8Array);
    }
  }
  return { hash, size };
}
