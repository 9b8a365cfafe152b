/** The formats of data files. A new one is a file beside this one and an entry in the list. */
import { describeForeignFile } from '#data/formats/foreign-files.js';
import { jsonLines } from '#data/formats/json-lines.js';
import type { FileHead, RowSource } from '#data/formats/row-source.js';

/** Asked in this order; the last takes every file that nobody knows, to say in its words what is wrong. */
const rowSources: readonly [...RowSource[], RowSource] = [jsonLines];

/** The format of a file, or the problem that it is of one that is not read. */
export function chooseSource(start: Buffer): RowSource | { readonly line: number; readonly message: string } {
  const head = readHead(start);
  const source = rowSources.find((each) => each.detects(head));
  if (source) return source;
  const foreign = describeForeignFile(head);
  return foreign ? { line: head.firstLine?.number ?? 1, message: foreign } : rowSources.at(-1)!;
}

function readHead(bytes: Buffer): FileHead {
  const lines = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split('\n');
  const index = lines.findIndex((line) => line.trim() !== '');
  return { bytes, firstLine: index < 0 ? undefined : { text: lines[index]!, number: index + 1 } };
}
