/** Bytes of a file, as schemes of stored weights read them. */
import { open } from 'node:fs/promises';
import type { ByteRange } from '#jit/graph.js';

export async function readRange({ file, offset, byteLength }: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(byteLength);
  const handle = await open(file);
  try {
    await handle.read(bytes, 0, byteLength, offset);
  } finally {
    await handle.close();
  }
  return bytes;
}
