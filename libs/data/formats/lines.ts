/** Lines of a file of any size in flat memory. */
import { createHash, type Hash } from 'node:crypto';
import { type ByteSource, readChunks } from '#data/byte-source.js';

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
  /** Bytes read at a time; bytes that arrive by themselves come as they do. */
  readonly chunkBytes?: number;
  /** Sees the first bytes before the first line, 8 at least unless there are fewer. */
  readonly onStart?: (bytes: Buffer) => void;
}

const CHUNK_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads a file, or bytes as they arrive, as lines that end with LF or CRLF, a chunk at a time, hashing on the way. */
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
    private readonly source: ByteSource,
    private readonly options: LineReaderOptions,
  ) {}

  /** The lines, in batches. Throws the signal's reason when it aborts. */
  async *batches(): AsyncGenerator<Line[]> {
    const { chunkBytes = CHUNK_BYTES, signal, onStart } = this.options;
    for await (const chunk of readChunks(this.source, { chunkBytes, signal })) {
      this.hash.update(chunk);
      const isFirst = this.bytesRead === 0;
      if (isFirst) onStart?.(chunk);
      this.bytesRead += chunk.length;
      const hasMark = isFirst && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK);
      yield this.cut(hasMark ? chunk.subarray(3) : chunk);
    }
    if (this.keptBytes > 0 || this.isTooLong) yield [this.take(Buffer.alloc(0), true)];
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
