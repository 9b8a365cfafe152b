/** Content cut into buffers of one size. */
import type { Readable } from 'node:stream';

/**
 * Yields buffers of exactly `size` bytes, the last one shorter; nothing for empty content. Stops with the signal's
 * reason when it aborts; the content is destroyed when the reader ends early.
 */
export async function* piecesOf(
  content: Readable | Buffer,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, undefined> {
  if (Buffer.isBuffer(content)) {
    for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size);
    return;
  }
  const stop = (): void => void content.destroy(signal?.reason as Error);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    let pending: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of content as AsyncIterable<Buffer | string>) {
      const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
      pending.push(buffer);
      bytes += buffer.length;
      if (bytes < size) continue;
      const whole = Buffer.concat(pending);
      let start = 0;
      for (; whole.length - start >= size; start += size) yield whole.subarray(start, start + size);
      pending = [whole.subarray(start)];
      bytes = whole.length - start;
    }
    if (bytes > 0) yield Buffer.concat(pending);
  } finally {
    signal?.removeEventListener('abort', stop);
    content.destroy();
  }
}
