/** Lines of a file of any size in flat memory. */
import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** A line without its line end. Its bytes stay valid until the next batch is asked for. */
export interface Line {
  /** Counts from 1. */
  readonly number: number;
  /** Undefined for a line that is longer than the limit: its bytes are not kept. */
  readonly bytes: Buffer | undefined;
  /** The file ends here without a line end. */
  readonly isUnterminated: boolean;
}

export interface LineReaderOptions {
  /** Longest line in bytes; longer ones are passed over without being held in memory. */
  readonly maxLineBytes: number;
  readonly signal?: AbortSignal;
  /** Bytes read at a time. */
  readonly chunkBytes?: number;
}

const CHUNK_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads a file as lines that end with LF or CRLF, a chunk at a time, and hashes it on the way. */
export class LineReader {
  /** Bytes read so far. */
  bytesRead = 0;
  private readonly hash: Hash = createHash('sha256');
  private number = 0;
  /** What is kept of the line that has begun, its length, and whether it is too long to keep. */
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private isTooLong = false;

  constructor(
    private readonly path: string,
    private readonly options: LineReaderOptions,
  ) {}

  /** The lines, in batches. Throws the signal's reason when it aborts. */
  async *batches(): AsyncGenerator<Line[]> {
    const file = await open(this.path);
    try {
      const buffer = Buffer.allocUnsafe(this.options.chunkBytes ?? CHUNK_BYTES);
      for (;;) {
        this.options.signal?.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        this.hash.update(chunk);
        const isFirst = this.bytesRead === 0;
        this.bytesRead += bytesRead;
        const hasMark = isFirst && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK);
        yield this.cut(hasMark ? chunk.subarray(3) : chunk);
      }
      if (this.keptBytes > 0 || this.isTooLong) yield [this.take(Buffer.alloc(0), true)];
    } finally {
      await file.close();
    }
  }

  /** SHA-256 of what was read, in hexadecimal. To be asked for once, at the end. */
  digest(): string {
    return this.hash.digest('hex');
  }

  private cut(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end < 0) break;
      lines.push(this.take(chunk.subarray(start, end), false));
      start = end + 1;
    }
    // The chunk's buffer is read into again, so the beginning of the next line is copied.
    this.keep(Buffer.from(chunk.subarray(start)));
    return lines;
  }

  private keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.isTooLong ||= this.keptBytes + bytes.length > this.options.maxLineBytes;
    if (this.isTooLong) {
      this.kept = [];
      this.keptBytes = 0;
    } else {
      this.kept.push(bytes);
      this.keptBytes += bytes.length;
    }
  }

  private take(tail: Buffer, isUnterminated: boolean): Line {
    this.number++;
    this.isTooLong ||= this.keptBytes + tail.length > this.options.maxLineBytes;
    let bytes: Buffer | undefined;
    if (!this.isTooLong) {
      bytes = this.keptBytes > 0 ? Buffer.concat([...this.kept, tail]) : tail;
      if (bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
    }
    this.kept = [];
    this.keptBytes = 0;
    this.isTooLong = false;
    return { number: this.number, bytes, isUnterminated };
  }
}
