/** The formats of data files. A new one is a file beside this one and an entry in the list. */
import type { FormatName } from '#data/data-form.js';
import { describeBinary, describeForeignText } from '#data/formats/foreign-files.js';
import { hasImages, imageZip } from '#data/formats/image-zip/image-zip.js';
import { jsonArray } from '#data/formats/json-array.js';
import { jsonLines } from '#data/formats/json-lines.js';
import { parquet } from '#data/formats/parquet.js';
import type { RandomAccess } from '#data/formats/random-access.js';
import type { FileHead, RandomSource, RowSource } from '#data/formats/row-source.js';
import { csv, tsv } from '#data/formats/separated-values.js';

/** Asked in this order; the last takes every file that nobody knows, to say in its words what is wrong. */
export const rowSources: readonly [...RowSource[], RowSource] = [parquet, jsonArray, tsv, csv, jsonLines];

/** Archives of several files that are rows together. */
const archives: readonly (RandomSource & { isOne(file: RandomAccess): Promise<boolean> })[] = [
  {
    ...imageZip((bytes) => {
      const head = headOf(bytes.subarray(0, longestHead));
      const source = chooseSource(head);
      return 'message' in source ? source : { source, head };
    }),
    isOne: hasImages,
  },
];
const longestHead = 64 * 1024;

/** Whether a file that begins so may be such an archive, which only its end tells. */
export function isArchive(start: Buffer): boolean {
  return archives.some((each) => each.detects({ bytes: start, firstLine: undefined }));
}

/** The format of a file that is such an archive; undefined for others. Throws the errors of the file. */
export async function chooseArchive(
  start: Buffer,
  open: () => Promise<RandomAccess | undefined>,
): Promise<RandomSource | undefined> {
  const possible = archives.filter((each) => each.detects({ bytes: start, firstLine: undefined }));
  const file = possible.length > 0 ? await open() : undefined;
  if (!file) return undefined;
  try {
    for (const each of possible) if (await each.isOne(file)) return each;
    return undefined;
  } finally {
    await file.close();
  }
}

/** The format of content as it is said or by how it begins, or the problem that it is of one that is not read. */
export function chooseSource(
  head: FileHead,
  said?: FormatName | null,
): RowSource | { readonly line: number; readonly message: string } {
  const binary = describeBinary(head.bytes);
  if (binary) return { line: head.firstLine?.number ?? 1, message: binary };
  if (said) {
    const isParquet = parquet.detects(head);
    if (isParquet === (said === parquet.name)) return rowSources.find(({ name }) => name === said)!;
    return {
      line: 0,
      message: `the file is ${isParquet ? 'Parquet' : 'no Parquet'}, and format says ${said}. Leave format out.`,
    };
  }
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
