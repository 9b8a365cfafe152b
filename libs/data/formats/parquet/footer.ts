/** What a Parquet file says of itself, at its end. */
import { type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from 'hyparquet';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { damaged, ParquetProblem, soundly } from '#data/formats/parquet/problem.js';
import type { RandomAccess } from '#data/formats/random-access.js';

/** As much of the end as usually holds all of it. */
const usualBytes = 64 * 1024;
const maxBytes = 64 * 1024 * 1024;
const maxColumns = 10_000;

export interface Footer {
  readonly metadata: FileMetaData;
  /** The columns as people see them: some are trees of columns. */
  readonly columns: readonly SchemaTree[];
  readonly rows: number;
}

/** Reads the footer. Throws ParquetProblem and the errors of the file. */
export async function readFooter(file: RandomAccess): Promise<Footer> {
  const { size } = file;
  let end = await file.read(Math.max(0, size - usualBytes), usualBytes);
  const magic = end.subarray(-4).toString('latin1');
  if (magic === 'PARE') throw new ParquetProblem('packing_unsupported', '', encrypted);
  if (end.length < 12 || magic !== 'PAR1') throw new ParquetProblem('truncated_file', '', truncated);
  const length = end.readUInt32LE(end.length - 8) + 8;
  if (length > size - 4 || length > maxBytes) throw damaged('', 'its footer is longer than the file');
  if (length > end.length) end = await file.read(size - length, length);
  const metadata = soundly('', () => {
    const found = parquetMetadata(end, { geoparquet: false, parsers: ignoringStatistics });
    requireSound(found);
    return found;
  });
  const { children: columns } = soundly('', () => parquetSchema(metadata));
  const names = columns.map(({ element }) => element.name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    const message = `two columns are called "${twice}". Rename one of them.`;
    throw new ParquetProblem('double_column', twice, message);
  }
  return {
    metadata,
    columns,
    rows: metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0),
  };
}

const truncated =
  'the Parquet file ends early: its footer, which stands at the end, is missing. Copy or upload it again.';
const encrypted = 'the Parquet file is encrypted. Write it without encryption.';

const ignoringStatistics = { ...DEFAULT_PARSERS, stringFromBytes: () => undefined };

function requireSound({ schema, row_groups: groups }: FileMetaData): void {
  if (schema.length === 0 || schema.length > maxColumns) throw new RangeError(`${schema.length} columns`);
  for (const { name, num_children: children } of schema) {
    if (typeof name !== 'string' || (children !== undefined && !(children >= 0 && children <= maxColumns))) {
      throw new RangeError('a column has no name or no end');
    }
  }
  for (const { num_rows: rows } of groups) {
    if (!(rows >= 0n && rows <= BigInt(2 ** 40))) throw new RangeError('a row group has no count of rows');
  }
}
