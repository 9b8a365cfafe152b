/** Tables as text: CSV of RFC 4180, also with semicolons, and TSV. The first row names the columns. */
import { isUtf8 } from 'node:buffer';
import { type CsvError, parse } from 'csv-parse';
import type { DataRecord, Fields, FileHead, ReadContext, StreamedSource } from '#data/formats/row-source.js';

/** Text of a batch of records, in characters. */
const batchLength = 256 * 1024;

export const csv = separatedValues('csv', [',', ';']);
export const tsv = separatedValues('tsv', ['\t']);

/** What separates the names of the columns; undefined where the line names none. */
function delimiterOf({ firstLine }: FileHead): string | undefined {
  if (!firstLine) return undefined;
  const names = firstLine.text.trim().replace(/"([^"]*)"/g, '$1');
  if (/^(?!(?:true|false|null)$)[a-z_]\w{0,63}$/i.test(names)) return ',';
  const found = /^[\w .-]{1,64}([,;\t])/.exec(names)?.[1];
  return found && names.split(found).every((name) => /^[\w .-]{0,64}$/.test(name)) ? found : undefined;
}

/** For a table whose columns have names of all sorts, and that is said to be one. */
function mostFrequent(delimiters: readonly string[], { firstLine }: FileHead): string {
  const count = (delimiter: string) => firstLine?.text.split(delimiter).length ?? 0;
  return delimiters.reduce((most, each) => (count(each) > count(most) ? each : most));
}

type Cell = string | null;
interface Parsed {
  readonly record: readonly Cell[];
  /** Lines up to its end. */
  readonly lines: number;
}

function separatedValues(name: string, delimiters: readonly string[]): StreamedSource {
  return {
    name,
    isTable: true,
    detects: (head) => delimiters.includes(delimiterOf(head) ?? ''),
    async *read(context: ReadContext): AsyncIterable<readonly DataRecord[]> {
      const text = new CheckedText(context);
      const known = delimiterOf(context.head);
      const delimiter = delimiters.find((each) => each === known) ?? mostFrequent(delimiters, context.head);
      yield* new TableReader(context, text).records(parsed(text.chunks(), context, delimiter));
    },
  };
}

/** The records of a table. Throws CsvError after those that come before what is wrong. */
async function* parsed(
  chunks: AsyncIterable<Buffer>,
  { maxRecordBytes }: ReadContext,
  delimiter: string,
): AsyncGenerator<Parsed> {
  const found: Parsed[] = [];
  let failure: Error | undefined;
  const parser = parse({
    delimiter,
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: maxRecordBytes,
    // A cell that is empty without quotes is absent, as tables write it.
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
    // Not as a stream, which loses records when it fails.
    on_record: (record: Cell[], { lines }) => {
      found.push({ record, lines });
      return null;
    },
  });
  parser.resume();
  const failed = new Promise<void>((resolve) =>
    parser.on('error', (error) => {
      failure = error;
      resolve();
    }),
  );
  try {
    for await (const chunk of chunks) {
      await Promise.race([failed, new Promise<void>((resolve) => parser.write(chunk, () => resolve()))]);
      yield* found.splice(0);
      if (failure) throw failure;
    }
    await Promise.race([failed, new Promise<void>((resolve) => parser.once('end', resolve).end())]);
    yield* found.splice(0);
    if (failure) throw failure;
  } finally {
    parser.destroy();
  }
}

/** The bytes of a table, copied, up to the first that are no text. */
class CheckedText {
  /** Lines that have ended. */
  lines = 0;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });

  constructor(private readonly context: ReadContext) {}

  async *chunks(): AsyncGenerator<Buffer> {
    const { chunks, isCut } = this.context;
    for await (const chunk of chunks) {
      const zero = chunk.indexOf(0);
      if (zero >= 0)
        return this.refuse(chunk, zero, 'nul_byte', 'there is a NUL byte. Is the file text in UTF-8?');
      if (!this.decodes(chunk)) return this.refuse(chunk, brokenLine(chunk), 'not_utf8', notUtf8);
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) this.lines++;
      yield Buffer.from(chunk);
    }
    if (!isCut() && !this.decodes()) this.refuse(Buffer.alloc(0), 0, 'not_utf8', notUtf8);
  }

  private decodes(chunk?: Buffer): boolean {
    try {
      this.decoder.decode(chunk, { stream: chunk !== undefined });
      return true;
    } catch {
      return false;
    }
  }

  private refuse(chunk: Buffer, at: number, code: string, message: string): void {
    const line = this.lines + chunk.subarray(0, at).toString('latin1').split('\n').length;
    this.context.problems.add(line, '', code, message);
    this.context.problems.stop();
  }
}

/** Where the first line begins that is not UTF-8 by itself; the beginning where only what surrounds the chunk shows it. */
function brokenLine(chunk: Buffer): number {
  for (let start = chunk.indexOf(10) + 1; start > 0;) {
    const end = chunk.indexOf(10, start);
    if (end < 0) return start;
    if (!isUtf8(chunk.subarray(start, end))) return start;
    start = end + 1;
  }
  return 0;
}

const notUtf8 = 'there are bytes from this line on that are not UTF-8. Save the file as UTF-8.';

class TableReader {
  private names: readonly string[] | undefined;
  private line = 0;

  constructor(
    private readonly context: ReadContext,
    private readonly text: CheckedText,
  ) {}

  async *records(parser: AsyncGenerator<Parsed>): AsyncGenerator<DataRecord[]> {
    const { problems, isCut } = this.context;
    // The last one is held back: it may be cut.
    let last: DataRecord | undefined;
    let batch: DataRecord[] = [];
    let length = 0;
    try {
      for await (const { record, lines } of parser) {
        if (problems.isFull) return;
        const line = this.line + 1;
        this.line = lines;
        if (last) batch.push(last);
        last = undefined;
        if (!this.names) {
          if (!this.nameColumns(record, line)) return;
          continue;
        }
        const fields = this.fieldsOf(record, line);
        if (fields) last = { line, fields };
        length += record.reduce((sum, cell) => sum + (cell?.length ?? 0), 0);
        if (length < batchLength) continue;
        yield batch;
        batch = [];
        length = 0;
      }
      if (last && !isCut()) batch.push(last);
    } catch (error) {
      if (!(error as Partial<CsvError>).code?.match(/^(CSV|INVALID)_/)) throw error;
      if (!this.isAtCut(error as CsvError)) this.explain(error as CsvError);
    }
    yield batch;
  }

  private nameColumns(record: readonly Cell[], line: number): boolean {
    const { problems } = this.context;
    const names = record.map((name) => (name ?? '').trim());
    const twice = names.find((name, i) => name !== '' && names.indexOf(name) < i);
    if (twice !== undefined) {
      problems.add(line, twice, 'double_column', `two columns are called "${twice}". Rename one of them.`);
      problems.stop();
      return false;
    }
    this.names = names;
    return true;
  }

  private fieldsOf(record: readonly Cell[], line: number): Fields | undefined {
    const names = this.names!;
    if (record.length !== names.length && !(this.context.isCut() && line > this.text.lines)) {
      const problem =
        `the row has ${record.length} cells, but there are ${names.length} columns. Write a cell for each, and quote ` +
        'with " what holds the separator, a quote (doubled) or a line end.';
      this.context.problems.add(line, '', 'wrong_cell_count', problem);
      return undefined;
    }
    // A column without a name is the index that pandas writes.
    const entries = names.map((name, i) => [name, record[i] ?? null] as const);
    return Object.fromEntries(entries.filter(([name]) => name !== ''));
  }

  /** Whether what is wrong is that the beginning of a file ends in the middle of a record. */
  private isAtCut({ code }: CsvError): boolean {
    return this.context.isCut() && code === 'CSV_QUOTE_NOT_CLOSED';
  }

  private explain({ code, message }: CsvError): void {
    const { problems, maxRecordBytes } = this.context;
    if (problems.isFull) return;
    const line = this.line + 1;
    const quoting = 'Quote the whole cell with ", and double each quote in it.';
    if (/QUOTE/.test(code)) {
      const what =
        code === 'CSV_QUOTE_NOT_CLOSED'
          ? 'a quote opens in this row and never closes'
          : 'a quote stands in the middle of a cell of this row';
      problems.add(line, '', 'broken_quote', `${what}. ${quoting}`);
    } else if (code === 'CSV_MAX_RECORD_SIZE') {
      const limit = `${Math.round(maxRecordBytes / 1024)} KiB`;
      const problem = `the row is longer than ${limit}: does a quote in it never close? Else split it into several.`;
      problems.add(line, '', 'line_too_long', problem);
    } else {
      problems.add(line, '', 'invalid_csv', `the table cannot be read: ${message}. ${quoting}`);
    }
    problems.stop();
  }
}
