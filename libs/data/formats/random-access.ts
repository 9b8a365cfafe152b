/** Bytes that can be read from anywhere: formats that have their table of contents at the end need it. */
import { open } from 'node:fs/promises';

export interface RandomAccess {
  /** Bytes in all. */
  readonly size: number;
  /** So many bytes from a place on, fewer where the file ends; in memory of their own. */
  read(start: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** A file on this machine. Throws the errors of the file system. */
export async function openFile(path: string): Promise<RandomAccess> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    return {
      size,
      async read(start, length) {
        const buffer = Buffer.from(new ArrayBuffer(Math.max(0, Math.min(length, size - start))));
        let filled = 0;
        while (filled < buffer.length) {
          const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, start + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Bytes from `start` up to `end`. */
export type ByteSpan = readonly [start: number, end: number];

/** Thrown for bytes that are not here yet. */
export class SpanMissing extends Error {
  constructor(
    readonly path: string,
    readonly start: number,
    readonly length: number,
  ) {
    super(`bytes from ${start} on of ${path} are not here`);
  }
}

/** A file of which only some spans are on this machine, at their places. `read` throws SpanMissing for others. */
export function partialFile(path: string, size: number, spans: readonly ByteSpan[]): RandomAccess {
  let whole: Promise<RandomAccess> | undefined;
  return {
    size,
    async read(start, length) {
      const end = Math.min(size, start + length);
      let here = start;
      for (let isFound = true; isFound && here < end;) {
        const next = spans.find(([from, to]) => from <= here && here < to);
        isFound = next !== undefined;
        if (next) here = next[1];
      }
      if (here < end) throw new SpanMissing(path, here, end - here);
      whole ??= openFile(path);
      return (await whole).read(start, end - start);
    },
    close: async () => (await whole)?.close(),
  };
}

/** Bytes in memory. */
export function bufferAccess(bytes: Buffer): RandomAccess {
  return {
    size: bytes.length,
    read: (start, length) =>
      Promise.resolve(Buffer.from(Uint8Array.prototype.slice.call(bytes, start, start + length).buffer)),
    close: () => Promise.resolve(),
  };
}
