/** Data sets: streamed from a file of any format, checked row by row, with every problem named. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ColumnNames } from '#data/column-names.js';
import type { DataForm } from '#data/data-form.js';
import { ProblemCollector } from '#data/data-error.js';
import type { Report } from '#data/field-report.js';
import type { ByteSource } from '#data/formats/byte-source.js';
import { ByteStream } from '#data/formats/byte-stream.js';
import { type Content, type ContentOptions, openContent } from '#data/formats/content.js';
import { chooseArchive, chooseSource, headOf } from '#data/formats/registry.js';
import type { DataRecord, FileHead, RandomSource, RowSource } from '#data/formats/row-source.js';
import { type DataWarning, NoteCounter } from '#data/row-notes.js';
import { contentsOf } from '#data/rows/contents.js';
import { isReadField, readRecord } from '#data/rows/registry.js';
import type { NumberedRow, Row, RowKind } from '#data/rows/row.js';
import type { RowReading } from '#data/rows/row-reading.js';

export interface DatasetOptions {
  /** What problems call the file; its own name by default, and needed for bytes that have none. */
  readonly name?: string;
  /** Longest line in bytes, 16 MiB by default. Longer ones are a problem and are not read into memory. */
  readonly maxLineBytes?: number;
  readonly signal?: AbortSignal;
  /** What is said of the file; what it is by its bytes unless given. */
  readonly form?: DataForm | null;
  /** Kinds of rows that can be used; all unless given. */
  readonly reading?: RowReading;
  /** Whether the bytes are only the beginning of a file: what is cut at their end is no problem. */
  readonly isBeginning?: boolean;
  /** Most bytes of content that are read, unpacked; all by default. */
  readonly maxContentBytes?: number;
}

/** What a data set holds. */
export interface DatasetSummary {
  /** What the file is, as its bytes say: `csv`, say, and `csv in gzip` where it is packed. */
  readonly format: string;
  readonly kind: RowKind;
  readonly rows: number;
  readonly bytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /** Top-level fields that nothing reads, with the number of rows that have them. At most 20. */
  readonly unknownFields: Readonly<Record<string, number>>;
  /** What rows hold that only some chat templates show. */
  readonly warnings: readonly DataWarning[];
}

/** Bytes of the longest row. */
export const longestLine = 16 * 1024 * 1024;
/** So many bytes at a time, where reading ends early, so that it is known how many made the rows that were read. */
const cutChunkBytes = 64 * 1024;
const maxUnknownFields = 20;

/**
 * Reads the rows of a data set. Problems go to `problems`; reading stops when it is full, and a file without rows is
 * a problem too. The caller looks at `problems` after the last batch, and then asks for `summary`.
 */
export class DatasetReader {
  readonly problems: ProblemCollector;
  private readonly stream: ByteStream;
  private readonly maxRecordBytes: number;
  private readonly fields = new Map<string, number>();
  private readonly warnings: DataWarning[] = [];
  private readonly notes = new NoteCounter();
  private kind: RowKind | undefined;
  private firstLine = 0;
  private recordCount = 0;
  private rows = 0;

  private readonly reading: RowReading | undefined;
  private readonly form: DataForm | undefined;
  private readonly columns: ColumnNames;
  private readonly part: Pick<ContentOptions, 'isBeginning' | 'maxBytes'>;
  private content: Content | undefined;
  /** Of a format that is read from anywhere: the share that is done, and whether reading ended early. */
  private bytesDone = 0;
  private endedEarly = false;
  private source: RowSource | undefined;

  constructor(source: ByteSource, options: DatasetOptions = {}) {
    this.reading = options.reading;
    this.form = options.form ?? undefined;
    this.columns = new ColumnNames(this.form?.columns);
    this.part = { isBeginning: options.isBeginning, maxBytes: options.maxContentBytes };
    const ownName = typeof source === 'string' ? basename(source) : 'data';
    this.problems = new ProblemCollector(options.name ?? ownName);
    this.maxRecordBytes = options.maxLineBytes ?? longestLine;
    this.stream = new ByteStream(source, {
      signal: options.signal,
      chunkBytes: options.maxContentBytes === undefined ? undefined : cutChunkBytes,
    });
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return Math.max(this.stream.bytesRead, this.bytesDone);
  }

  /** Whether rows at the end were left unread, since only a beginning was there or asked for. */
  get isCut(): boolean {
    return this.endedEarly || (this.content?.isCut() ?? false);
  }

  /** The rows in batches of about 256 KiB of text. Throws the signal's reason when it aborts. */
  async *batches(): AsyncGenerator<NumberedRow[]> {
    const { problems, stream } = this;
    const start = await stream.head();
    const archive = await chooseArchive(start, () => stream.anywhere());
    if (archive) {
      const [packing, isUtf16] = [undefined, false];
      const content = { head: start, chunks: stream.chunks(), packing, isUtf16, isCut: () => false };
      yield* this.rowsOf(archive, content, headOf(start));
      return;
    }
    const content = await openContent(this.stream, { problems, ...this.part });
    const head = headOf(content.head);
    const source = chooseSource(head, this.form?.format);
    if ('message' in source) {
      if (!problems.isFull) problems.add(source.line, '', 'unsupported_format', source.message);
      await content.chunks.return(undefined);
      await this.stream.close();
      return;
    }
    yield* this.rowsOf(source, content, head);
  }

  private async *rowsOf(source: RowSource, content: Content, head: FileHead): AsyncGenerator<NumberedRow[]> {
    const { problems } = this;
    this.content = content;
    this.source = source;
    problems.place = source.place ?? 'line';
    for await (const records of this.records(source, content, head)) {
      const rows: NumberedRow[] = [];
      for (const record of records) {
        const row = this.readRow(record);
        if (row) rows.push({ line: record.line, row });
        if (problems.isFull) return;
      }
      yield rows;
    }
    if (this.recordCount === 0 && problems.isEmpty && !this.isCut) {
      const what = this.bytesRead === 0 ? 'is empty' : 'has no rows';
      problems.add(0, '', 'empty_file', `the file ${what}. Give it one JSON object a line.`);
    }
  }

  private async *records(
    source: RowSource,
    content: Content,
    head: FileHead,
  ): AsyncGenerator<readonly DataRecord[]> {
    const { problems, maxRecordBytes } = this;
    const { chunks, isCut } = content;
    if ('read' in source) yield* source.read({ chunks, problems, maxRecordBytes, head, isCut });
    else yield* this.recordsFromAnywhere(source, content);
  }

  private async *recordsFromAnywhere(
    source: RandomSource,
    { chunks, packing }: Content,
  ): AsyncGenerator<readonly DataRecord[]> {
    const { problems, maxRecordBytes } = this;
    const { isBeginning = false, maxBytes = Infinity } = this.part;
    const file = packing || isBeginning ? undefined : await this.stream.anywhere();
    if (!file) {
      // Its beginning says nothing.
      this.endedEarly = true;
      await chunks.return(undefined);
      if (isBeginning && !packing) return;
      const what = packing
        ? `the file is ${source.name} in ${packing}`
        : `${source.name} comes piece by piece`;
      problems.add(
        0,
        '',
        'unsupported_format',
        `${what}, which is not read. Give the ${source.name} file itself.`,
      );
      return;
    }
    try {
      yield* source.readAnywhere({
        file,
        problems,
        maxRecordBytes,
        maxBytes,
        onCut: () => (this.endedEarly = true),
        onWarning: (warning) => this.warnings.push(warning),
        onRead: (bytes) => (this.bytesDone = bytes),
        isRead: (field) => isReadField(field) || this.columns.has(field),
      });
      if (this.endedEarly || problems.isFull) return;
      // For its digest.
      for await (const _ of chunks);
    } finally {
      await chunks.return(undefined);
      await file.close();
    }
  }

  /** What was read. Throws DataError if there were problems. */
  summary(): DatasetSummary {
    this.problems.throwIfAny();
    return {
      format: this.describeFormat(),
      kind: this.kind!,
      rows: this.rows,
      bytes: this.bytesRead,
      sha256: this.stream.digest(),
      unknownFields: Object.fromEntries(this.fields),
      warnings: [...this.warnings, ...this.notes.warnings(this.rows)],
    };
  }

  private describeFormat(): string {
    const { packing, isUtf16 } = this.content!;
    return `${this.source!.name}${isUtf16 ? ' in UTF-16' : ''}${packing ? ` in ${packing}` : ''}`;
  }

  private readRow({ line, fields }: DataRecord): Row | undefined {
    this.recordCount++;
    const report: Report = (field, code, message) => this.problems.add(line, field, code, message);
    const renamed = this.columns.rename(fields, report);
    if (!renamed) {
      this.problems.stop();
      return undefined;
    }
    const read = readRecord(renamed, report, { reading: this.reading, isTable: this.source!.isTable });
    if (!read.row) {
      // All of the file is of another tool: one problem says so, hundreds would hide it.
      if (read.isForeign && this.rows === 0) this.problems.stop();
      return undefined;
    }
    const { kind } = read.row;
    if (this.kind === undefined) {
      this.kind = kind;
      this.firstLine = line;
    }
    if (kind !== this.kind) {
      const mixed = `this is a ${kind} row, but ${this.problems.place} ${this.firstLine} is a ${this.kind} row. Give each kind its own file.`;
      report('', 'mixed_row_kinds', mixed);
      return undefined;
    }
    this.rows++;
    this.notes.add(contentsOf(read.row));
    for (const field of read.unreadFields) {
      if (this.fields.has(field) || this.fields.size < maxUnknownFields) {
        this.fields.set(field, (this.fields.get(field) ?? 0) + 1);
      }
    }
    return read.row;
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
