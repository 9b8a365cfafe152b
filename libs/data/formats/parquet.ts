/** Parquet: a table in columns, with its table of contents at the end. */
import { parquetSchema } from 'hyparquet';
import { readFooter } from '#data/formats/parquet/footer.js';
import { ParquetProblem, soundly } from '#data/formats/parquet/problem.js';
import { RowGroupReader } from '#data/formats/parquet/row-group.js';
import type { DataRecord, FileHead, RandomContext, RowSource } from '#data/formats/row-source.js';

export const parquet: RowSource = {
  name: 'parquet',
  isTable: false,
  place: 'row',

  detects: ({ bytes }: FileHead): boolean => bytes.subarray(0, 4).toString('latin1') === 'PAR1',

  async *readAnywhere(context: RandomContext): AsyncGenerator<readonly DataRecord[]> {
    const reader = new TableReader(context);
    try {
      yield* reader.batches();
    } catch (error) {
      if (!(error instanceof ParquetProblem)) throw error;
      const { column, code, message } = error;
      context.problems.add(reader.row, column, code, message);
      context.problems.stop();
    }
  },
};

/** About as much is made of a file at a time, in bytes of memory. */
const batchBytes = 256 * 1024;
const maxRows = 4096;
/** What a table comes to never grows so far; up to the least size it may, since a small file harms nobody. */
const maxTimes = 200;
const minBomb = 256 * 1024 * 1024;

/** Stands for what is in a column that no row reads. */
const unread = Object.freeze({});

class TableReader {
  /** The row that is read, from 1; 0 before there is one. */
  row = 0;
  private bytes = 0;

  constructor(private readonly context: RandomContext) {}

  async *batches(): AsyncGenerator<readonly DataRecord[]> {
    const { file, maxBytes, onCut, isRead, problems } = this.context;
    const { metadata, columns, rows: total } = await readFooter(file);
    const root = soundly('', () => parquetSchema(metadata));
    const read = columns.filter(({ element }) => isRead(element.name));
    const rest = Object.fromEntries(
      columns.filter((each) => !read.includes(each)).map(({ element }) => [element.name, unread]),
    );
    // There is a problem of the rows to tell, and not of the columns.
    if (read.length === 0 && total > 0) {
      yield [{ line: 1, fields: rest }];
      return;
    }
    let step = 1;
    for (const group of metadata.row_groups) {
      const reader = soundly('', () => new RowGroupReader(file, group, root, read));
      for (let left = Number(group.num_rows); left > 0;) {
        if (problems.isFull) return;
        if (this.bytes >= maxBytes) {
          onCut();
          return;
        }
        const count = Math.min(step, left);
        const fields = await reader.take(count);
        const before = this.bytes;
        yield fields.flatMap((row) => this.record({ ...row, ...rest }));
        left -= count;
        this.context.onRead(Math.round((file.size * this.row) / total));
        const average = Math.max(1, (this.bytes - before) / count);
        step = Math.max(1, Math.min(4 * step, maxRows, Math.round(batchBytes / average)));
      }
    }
  }

  private record(fields: Record<string, unknown>): DataRecord[] {
    const { problems, maxRecordBytes, file } = this.context;
    this.row++;
    const bytes = sizeOf(fields);
    this.bytes += bytes;
    if (this.bytes > minBomb && this.bytes > maxTimes * file.size) {
      const message = `the file unpacks to more than ${maxTimes} times its size, as no text does.`;
      throw new ParquetProblem('unpacks_too_far', '', message);
    }
    if (bytes <= maxRecordBytes) return [{ line: this.row, fields }];
    const limit = `${Math.round(maxRecordBytes / 1024)} KiB`;
    problems.add(this.row, '', 'line_too_long', `the row is longer than ${limit}. Split it into several.`);
    return [];
  }
}

/** About the bytes of a value in memory. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 8;
  for (const part of Object.values(value)) size += sizeOf(part);
  return size;
}
