/** JSON lines of a run in the order of its steps; a resumed run cuts off what it will write again. */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { isDiskFull, LowrankError } from '#base/errors.js';

/** A line of the log. */
export type LogRecord = Readonly<Record<string, unknown>>;

export class MetricsLog {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /** Opens a log for appending after cutting it off before the first record not to keep, or a last line that is torn. */
  static async open(path: string, isKept: (record: LogRecord) => boolean): Promise<MetricsLog> {
    const file = await open(path, 'a');
    try {
      await file.truncate(await endOfKept(path, isKept));
    } catch (error) {
      await file.close();
      throw error;
    }
    return new MetricsLog(path, file);
  }

  /** Adds a line. Throws LowrankError `disk_full`. */
  async append(record: { readonly step: number }): Promise<void> {
    try {
      await this.file.appendFile(`${JSON.stringify(record)}\n`);
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      throw new LowrankError(
        'disk_full',
        `no room to write ${this.path}: free some space and resume the run`,
        {
          cause,
          details: { file: this.path, step: record.step },
        },
      );
    }
  }

  /** Makes what was added durable. */
  async sync(): Promise<void> {
    await this.file.sync();
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/** Every record of a log; none if it is missing. */
export async function readMetrics(path: string): Promise<LogRecord[]> {
  return (await readLines(path)).map(({ record }) => record);
}

async function endOfKept(path: string, isKept: (record: LogRecord) => boolean): Promise<number> {
  let end = 0;
  for (const line of await readLines(path)) {
    if (!isKept(line.record)) break;
    end = line.end;
  }
  return end;
}

interface Line {
  readonly record: LogRecord;
  /** The byte after the line. */
  readonly end: number;
}

/** The whole lines of a file; stops at the first that is not a JSON object. */
async function readLines(path: string): Promise<Line[]> {
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const lines: Line[] = [];
  let start = 0;
  for (let end = content.indexOf(10); end >= 0; end = content.indexOf(10, start)) {
    const record = parseObject(content.toString('utf8', start, end));
    if (!record) break;
    lines.push({ record, end: end + 1 });
    start = end + 1;
  }
  return lines;
}

function parseObject(text: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as LogRecord) : undefined;
  } catch {
    return undefined;
  }
}
