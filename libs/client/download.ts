/** Files of the server, read to their end even if the connection breaks. */
import { LowrankError } from '#base/errors.js';
import type { Connection } from './connection.js';
import { type ReconnectOptions, Reconnection } from './reconnection.js';
import { chunksOf } from './response-body.js';

export interface DownloadOptions extends ReconnectOptions {
  /** How many bytes are there already and are not wanted again; default 0. */
  readonly start?: number;
}

const partialContent = 206;
const silenceMs = 60_000;

/**
 * The bytes of a file from `start` on, each once, however often the connection breaks.
 *
 * Throws ApiError, `file_changed` if the file becomes another one meanwhile, `server_unreachable` if the server stays
 * away for the patience, and the signal's reason.
 */
export async function* download(
  connection: Connection,
  path: string,
  options: DownloadOptions = {},
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  const reconnection = new Reconnection(connection, options);
  let position = options.start ?? 0;
  let version: string | null = null;
  for (;;) {
    try {
      const headers: Record<string, string> = { accept: '*/*' };
      if (position > 0) headers['range'] = `bytes=${position}-`;
      if (position > 0 && version !== null) headers['if-range'] = version;
      const response = await connection.send('GET', path, { headers, signal });
      const found = response.headers.get('etag');
      if (version !== null && found !== version) throw changed(path);
      version = found;
      // A server that knows no ranges sends the file from its first byte.
      let skipped = response.status === partialContent ? 0 : position;
      for await (const chunk of chunksOf(response, { signal, silenceMs })) {
        reconnection.succeeded();
        const fresh = chunk.subarray(Math.min(skipped, chunk.byteLength));
        skipped -= chunk.byteLength - fresh.byteLength;
        position += fresh.byteLength;
        if (fresh.byteLength > 0) yield fresh;
      }
      return;
    } catch (error) {
      await reconnection.after(error);
    }
  }
}

function changed(path: string): LowrankError {
  return new LowrankError('file_changed', `${path} changed while it was fetched: fetch it again`);
}
