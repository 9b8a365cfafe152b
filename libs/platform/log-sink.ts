/** Where a log goes: a file descriptor that may be full, slow or gone, which is no reason for its process to end. */
import { writeSync } from 'node:fs';

export interface LogSinkOptions {
  /** Writes to the descriptor and yields how many bytes it took; throws as `fs.writeSync`. */
  readonly write?: (bytes: Uint8Array) => number;
  /** The line that tells, once there is room again, why and for how long nothing could be written. */
  readonly notice: (gap: LogGap) => string;
  /** Bytes of lines that are kept meanwhile. */
  readonly keptBytes?: number;
  readonly retrySeconds?: number;
}

/** A time in which a log could not be written. */
export interface LogGap {
  readonly seconds: number;
  /** Of the system, such as `ENOSPC`. */
  readonly code: string;
  /** Lines that were not kept. */
  readonly lostLines: number;
}

/** A pipe whose reader is slow is full for moments only, and there is nothing to tell. */
const slowReaderSeconds = 0.02;

/**
 * Writes at once, so that the last line of a process that ends is there. What cannot be written is kept, up to a limit,
 * and tried again; beyond the limit lines are lost, which the log says as soon as it can.
 */
export class LogSink {
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private trouble: { readonly code: string; readonly since: number; lostLines: number } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly fd: number,
    private readonly options: LogSinkOptions,
  ) {
    process.once('exit', () => this.flush());
  }

  /** Takes whole lines. Never throws. */
  write(text: string): void {
    if (this.isClosed) return;
    const bytes = Buffer.from(text);
    const { keptBytes = 1 << 20 } = this.options;
    if (this.waiting.length > 0 && this.waitingBytes + bytes.length > keptBytes) {
      this.trouble ??= { code: 'EAGAIN', since: performance.now(), lostLines: 0 };
      this.trouble.lostLines++;
      return;
    }
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    // While there is trouble the timer tries.
    if (this.timer === undefined) this.flush();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      this.writeWaiting();
      if (!this.trouble) return;
      const { code, since, lostLines } = this.trouble;
      this.trouble = undefined;
      this.waiting.push(
        Buffer.from(this.options.notice({ code, lostLines, seconds: (performance.now() - since) / 1000 })),
      );
      this.writeWaiting();
    } catch (error) {
      this.waitFor((error as NodeJS.ErrnoException).code ?? 'unknown');
    }
  }

  private writeWaiting(): void {
    const { write = (bytes: Uint8Array) => writeSync(this.fd, bytes) } = this.options;
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      const written = write(next);
      this.waitingBytes -= written;
      // Part of a line is on the disk already: the rest of it follows.
      if (written === next.length) this.waiting.shift();
      else this.waiting[0] = next.subarray(written);
    }
    this.waitingBytes = 0;
  }

  private waitFor(code: string): void {
    // Nobody reads any more.
    if (code === 'EPIPE') {
      this.isClosed = true;
      this.waiting = [];
      return;
    }
    const { retrySeconds = 1 } = this.options;
    const isSlowReader = code === 'EAGAIN';
    if (!isSlowReader) this.trouble ??= { code, since: performance.now(), lostLines: 0 };
    this.timer = setTimeout(() => this.flush(), 1000 * (isSlowReader ? slowReaderSeconds : retrySeconds));
    this.timer.unref();
  }
}

/** What a person reads of such a time. */
export function describeGap({ seconds, code, lostLines }: LogGap): string {
  const why: Readonly<Record<string, string>> = {
    ENOSPC: 'the disk was full',
    EDQUOT: 'the disk quota was used up',
    EAGAIN: 'its reader was too slow',
  };
  const lost = lostLines === 1 ? '1 line is lost' : `${lostLines === 0 ? 'no' : lostLines} lines are lost`;
  return `the log could not be written for ${Math.ceil(seconds)} s (${why[code] ?? code}); ${lost}`;
}
