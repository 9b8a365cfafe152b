/** Data sets as JSON lines: streamed, checked line by line, with every problem named. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ByteSource } from '#data/byte-source.js';
import { ProblemCollector } from '#data/data-error.js';
import type { Report } from '#data/field-report.js';
import { detectBinaryFormat, detectTextFormat } from '#data/foreign-formats.js';
import { decodeLine, parseLine } from '#data/json-line.js';
import { LineReader, type Line } from '#data/lines.js';
import { detectKind, type NumberedRow, readRow, unknownFields, type Row, type RowKind } from '#data/rows.js';

export interface DatasetOptions {
  /** What problems call the file; its own name by default, and needed for bytes that have none. */
  readonly name?: string;
  /** Longest line in bytes, 16 MiB by default. Longer ones are a problem and are not read into memory. */
  readonly maxLineBytes?: number;
  readonly signal?: AbortSignal;
}

/** What a data set holds. */
export interface DatasetSummary {
  readonly kind: RowKind;
  readonly rows: number;
  readonly bytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /** Top-level fields that nothing reads, with the number of rows that have them. At most 20. */
  readonly unknownFields: Readonly<Record<string, number>>;
}

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const MOST_UNKNOWN_FIELDS = 20;

/**
 * Reads the rows of a data set. Problems go to `problems`; reading stops when it is full, and a file without rows is
 * a problem too. The caller looks at `problems` after the last batch, and then asks for `summary`.
 */
export class DatasetReader {
  readonly problems: ProblemCollector;
  private readonly lines: LineReader;
  private readonly maxLineBytes: number;
  private readonly fields = new Map<string, number>();
  private kind: RowKind | undefined;
  private firstLine = 0;
  private rows = 0;
  private hasSeenText = false;

  constructor(source: ByteSource, options: DatasetOptions = {}) {
    const ownName = typeof source === 'string' ? basename(source) : 'data';
    this.problems = new ProblemCollector(options.name ?? ownName);
    this.maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
    this.lines = new LineReader(source, {
      maxLineBytes: this.maxLineBytes,
      signal: options.signal,
      onStart: (bytes) => this.checkStart(bytes),
    });
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return this.lines.bytesRead;
  }

  /** The rows in batches of about 256 KiB of text. Throws the signal's reason when it aborts. */
  async *batches(): AsyncGenerator<NumberedRow[]> {
    for await (const lines of this.lines.batches()) {
      if (this.problems.isFull) return;
      const rows: NumberedRow[] = [];
      for (const line of lines) {
        const row = this.readLine(line);
        if (row) rows.push({ line: line.number, row });
        if (this.problems.isFull) return;
      }
      yield rows;
    }
    if (!this.hasSeenText) {
      const what = this.bytesRead === 0 ? 'is empty' : 'has only blank lines';
      this.problems.add(0, '', 'empty_file', `the file ${what}. Give it one JSON object a line.`);
    }
  }

  /** What was read. Throws DataError if there were problems. */
  summary(): DatasetSummary {
    this.problems.throwIfAny();
    return {
      kind: this.kind!,
      rows: this.rows,
      bytes: this.bytesRead,
      sha256: this.lines.digest(),
      unknownFields: Object.fromEntries(this.fields),
    };
  }

  private checkStart(bytes: Buffer): void {
    const format = detectBinaryFormat(bytes.subarray(0, 8));
    if (format) this.refuseFile(1, format);
  }

  /** The file as a whole is of another kind: one problem says so, hundreds would hide it. */
  private refuseFile(line: number, message: string): void {
    this.problems.add(line, '', 'unsupported_format', message);
    this.problems.stop();
  }

  private readLine(line: Line): Row | undefined {
    const report: Report = (field, code, message) => this.problems.add(line.number, field, code, message);
    const text = decodeLine(line, this.maxLineBytes, report);
    if (text !== undefined && text.trim() === '') return undefined;
    const isFirst = !this.hasSeenText;
    this.hasSeenText = true;
    if (text === undefined) return undefined;
    const format = isFirst ? detectTextFormat(text) : undefined;
    if (format) {
      this.refuseFile(line.number, format);
      return undefined;
    }
    const value = parseLine(text, line, report);
    return value && this.readObject(value, line.number, report);
  }

  private readObject(
    value: Readonly<Record<string, unknown>>,
    line: number,
    report: Report,
  ): Row | undefined {
    const kind = detectKind(value, report);
    if (kind === 'foreign' && this.rows === 0) this.problems.stop();
    if (kind === 'foreign' || kind === 'unknown') return undefined;
    if (this.kind === undefined) {
      this.kind = kind;
      this.firstLine = line;
    }
    if (kind !== this.kind) {
      const mixed = `this is a ${kind} row, but line ${this.firstLine} is a ${this.kind} row. Give each kind its own file.`;
      report('', 'mixed_row_kinds', mixed);
      return undefined;
    }
    const row = readRow(value, kind, report);
    if (!row) return undefined;
    this.rows++;
    for (const field of unknownFields(value, kind)) {
      if (this.fields.has(field) || this.fields.size < MOST_UNKNOWN_FIELDS) {
        this.fields.set(field, (this.fields.get(field) ?? 0) + 1);
      }
    }
    return row;
  }
}

/**
 * Checks a whole data set without a model. Throws DataError with up to 50 problems, as soon as there are so many;
 * `onProgress` is told bytes, the total only of a file that is there.
 */
export async function validateDataset(
  source: ByteSource,
  options: DatasetOptions & { onProgress?: (bytesDone: number, bytesTotal: number) => void } = {},
): Promise<DatasetSummary> {
  const size = typeof source === 'string' ? (await stat(source)).size : 0;
  const reader = new DatasetReader(source, options);
  for await (const _ of reader.batches())
    options.onProgress?.(reader.bytesRead, Math.max(size, reader.bytesRead));
  return reader.summary();
}
