/** Lines of content of any size in flat memory. */

/** A line without its line end. Its bytes stay valid until the next batch is asked for. */
export interface Line {
  /** Counts from 1. */
  readonly number: number;
  /** Undefined for a line that is longer than the limit: its bytes are not kept. */
  readonly bytes: Buffer | undefined;
  /** The content ends here without a line end. */
  readonly isUnterminated: boolean;
  /** A line that is too long holds a carriage return: its file may end lines with that alone. */
  readonly hasReturn?: boolean;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Cuts content into lines that end with LF or CRLF, a batch for each chunk. Lines of more than `maxBytes` are passed
 * over without being held in memory. A byte order mark at the very beginning is no part of the first line.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line[]> {
  const cutter = new LineCutter(maxBytes);
  let isFirst = true;
  for await (const chunk of chunks) {
    const hasMark = isFirst && chunk.subarray(0, 3).equals(byteOrderMark);
    isFirst = false;
    yield cutter.cut(hasMark ? chunk.subarray(3) : chunk);
  }
  yield cutter.end();
}

class LineCutter {
  private number = 0;
  /** What is kept of the line that has begun, its length, and whether it is too long to keep. */
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private isTooLong = false;
  private hasReturn = false;

  constructor(private readonly maxBytes: number) {}

  cut(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(lineFeed, start);
      if (end < 0) break;
      lines.push(this.take(chunk.subarray(start, end), false));
      start = end + 1;
    }
    // The chunk's buffer is read into again, so the beginning of the next line is copied.
    this.keep(Buffer.from(chunk.subarray(start)));
    return lines;
  }

  end(): Line[] {
    return this.keptBytes > 0 || this.isTooLong ? [this.take(Buffer.alloc(0), true)] : [];
  }

  private keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.measure(bytes);
    if (this.isTooLong) {
      this.kept = [];
      this.keptBytes = 0;
    } else {
      this.kept.push(bytes);
      this.keptBytes += bytes.length;
    }
  }

  private measure(bytes: Buffer): void {
    this.isTooLong ||= this.keptBytes + bytes.length > this.maxBytes;
    if (!this.isTooLong) return;
    this.hasReturn ||= [...this.kept, bytes.subarray(0, -1)].some((each) => each.includes(carriageReturn));
  }

  private take(tail: Buffer, isUnterminated: boolean): Line {
    this.number++;
    this.measure(tail);
    const line: Line = this.isTooLong
      ? { number: this.number, bytes: undefined, isUnterminated, hasReturn: this.hasReturn }
      : { number: this.number, bytes: this.join(tail), isUnterminated };
    this.kept = [];
    this.keptBytes = 0;
    this.isTooLong = false;
    this.hasReturn = false;
    return line;
  }

  private join(tail: Buffer): Buffer {
    const bytes = this.keptBytes > 0 ? Buffer.concat([...this.kept, tail]) : tail;
    return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
  }
}
