/** The bytes of a data set, from a disk or as they arrive. */
import { open } from 'node:fs/promises';
import type { RandomAccess } from '#data/formats/random-access.js';

/** The path of a file, or its bytes, in order or from anywhere. */
export type ByteSource = string | AsyncIterable<Uint8Array> | RandomAccess;

/** As many bytes as tell one format from another. */
const startBytes = 512;

/**
 * The bytes in chunks, the first of at least 512 bytes unless there are fewer in all. A chunk stays valid until the next is
 * asked for. Throws the signal's reason when it aborts.
 */
export async function* readChunks(
  source: ByteSource,
  { chunkBytes, signal }: { readonly chunkBytes: number; readonly signal?: AbortSignal },
): AsyncGenerator<Buffer> {
  const chunks =
    typeof source === 'string'
      ? fileChunks(source, chunkBytes)
      : 'read' in source
        ? accessChunks(source, chunkBytes)
        : arrivingChunks(source);
  signal?.throwIfAborted();
  for await (const chunk of chunks) {
    yield chunk;
    signal?.throwIfAborted();
  }
}

async function* fileChunks(path: string, chunkBytes: number): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(Math.max(chunkBytes, startBytes));
    for (let length = buffer.length; ; length = chunkBytes) {
      const { bytesRead } = await file.read(buffer, 0, length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function* accessChunks(file: RandomAccess, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0, length = Math.max(chunkBytes, startBytes); at < file.size; length = chunkBytes) {
    const chunk = await file.read(at, length);
    if (chunk.length === 0) return;
    yield chunk;
    at += chunk.length;
  }
}

async function* arrivingChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const bytes of source) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < startBytes) continue;
    yield start;
    start = undefined;
  }
  if (start !== undefined && start.length > 0) yield start;
}
