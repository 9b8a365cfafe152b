/** The formats of data files. A new one is a file beside this one and an entry in the list. */
import { describeBinary, describeForeignText } from '#data/formats/foreign-files.js';
import { jsonArray } from '#data/formats/json-array.js';
import { jsonLines } from '#data/formats/json-lines.js';
import { parquet } from '#data/formats/parquet.js';
import type { FileHead, RowSource } from '#data/formats/row-source.js';
import { csv, tsv } from '#data/formats/separated-values.js';

/** Asked in this order; the last takes every file that nobody knows, to say in its words what is wrong. */
const rowSources: readonly [...RowSource[], RowSource] = [parquet, jsonArray, tsv, csv, jsonLines];

/** The format of content by how it begins, or the problem that it is of one that is not read. */
export function chooseSource(
  head: FileHead,
): RowSource | { readonly line: number; readonly message: string } {
  const binary = describeBinary(head.bytes);
  if (binary) return { line: head.firstLine?.number ?? 1, message: binary };
  const source = rowSources.find((each) => each.detects(head));
  if (source) return source;
  const foreign = describeForeignText(head);
  return foreign ? { line: head.firstLine!.number, message: foreign } : rowSources.at(-1)!;
}

/** How content begins. */
export function headOf(bytes: Buffer): FileHead {
  const lines = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split('\n');
  const index = lines.findIndex((line) => line.trim() !== '');
  return { bytes, firstLine: index < 0 ? undefined : { text: lines[index]!, number: index + 1 } };
}
