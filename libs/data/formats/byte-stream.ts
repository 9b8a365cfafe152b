/** The bytes of a file, counted and hashed on the way, with a look at how they begin. */
import { createHash, type Hash } from 'node:crypto';
import { openFile, type RandomAccess } from '#data/formats/random-access.js';
import { type ByteSource, readChunks } from '#data/formats/byte-source.js';

const usualChunkBytes = 256 * 1024;

export class ByteStream {
  /** Bytes read so far. */
  bytesRead = 0;
  private readonly hash: Hash = createHash('sha256');
  private readonly iterator: AsyncGenerator<Buffer>;
  private first: Buffer | undefined;

  constructor(
    private readonly source: ByteSource,
    {
      signal,
      chunkBytes = usualChunkBytes,
    }: { readonly signal?: AbortSignal; readonly chunkBytes?: number } = {},
  ) {
    this.iterator = readChunks(source, { chunkBytes, signal });
  }

  /** The same bytes from anywhere, to be closed; undefined where they come only once. */
  async anywhere(): Promise<RandomAccess | undefined> {
    const { source } = this;
    if (typeof source === 'string') return openFile(source);
    if (!('read' in source)) return undefined;
    return {
      size: source.size,
      read: (start, length) => source.read(start, length),
      close: () => Promise.resolve(),
    };
  }

  /** The first bytes, 512 at least unless there are fewer. To be asked for before any chunk. */
  async head(): Promise<Buffer> {
    this.first ??= await this.next();
    return this.first ?? Buffer.alloc(0);
  }

  /** The bytes in chunks, each valid until the next is asked for. Throws the signal's reason when it aborts. */
  async *chunks(): AsyncGenerator<Buffer> {
    try {
      for (let chunk = this.first ?? (await this.next()); chunk; chunk = await this.next()) {
        this.bytesRead += chunk.length;
        yield chunk;
      }
    } finally {
      await this.close();
    }
  }

  /** Ends reading early. */
  async close(): Promise<void> {
    await this.iterator.return(undefined);
  }

  /** SHA-256 of what was read, in hexadecimal. To be asked for once, at the end. */
  digest(): string {
    return this.hash.digest('hex');
  }

  private async next(): Promise<Buffer | undefined> {
    const { value, done } = await this.iterator.next();
    if (done === true) return undefined;
    this.hash.update(value);
    return value;
  }
}
