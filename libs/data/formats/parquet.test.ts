/** Parquet as pyarrow writes it gives the rows that JSON lines give; and what is wrong with it, by column. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DataError } from '#data/data-error.js';
import { DatasetReader, validateDataset } from '#data/dataset.js';
import { bufferAccess } from '#data/formats/random-access.js';
import type { NumberedRow } from '#data/rows/row.js';

const folder = join(import.meta.dirname, '../../../test/fixtures/parquet');
const at = (name: string) => join(folder, name);

async function rowsOf(source: string | Buffer): Promise<NumberedRow[]> {
  const reader = new DatasetReader(typeof source === 'string' ? at(source) : bufferAccess(source));
  const rows: NumberedRow[] = [];
  for await (const batch of reader.batches()) rows.push(...batch);
  reader.summary();
  // Of any class of bytes.
  return rows.map(({ line, row }) => ({
    line,
    row: row.kind === 'image' ? { ...row, file: Uint8Array.from(row.file) } : row,
  }));
}

async function problemOf(bytes: Buffer): Promise<string> {
  const failed = await validateDataset(bufferAccess(bytes), { name: 'data' }).catch(
    (error: unknown) => error,
  );
  return (failed as DataError).message;
}
const problemIn = async (name: string) => problemOf(await readFile(at(name)));

test.each([
  'completions-none',
  'completions-snappy',
  'completions-gzip',
  'completions-brotli',
  'completions-zstd',
  'completions-small-pages',
  'completions-second-version',
  'completions-plain',
  'completions-length',
  'completions-byte',
  'chats',
  'chats-small-pages',
  'chats-second-version',
  'images',
])('%s has the rows that its JSON lines have', async (name) => {
  const [kind] = name.split('-');
  const expected = await rowsOf(`${kind}.jsonl`);
  expect(expected.length).toBeGreaterThan(5);
  expect(await rowsOf(`${name}.parquet`)).toEqual(expected);
});

test('a file is told as it is: its digest, its rows, and the columns that nothing reads', async () => {
  const path = at('wide.parquet');
  const fromPath = await validateDataset(path);
  expect(fromPath).toMatchObject({ format: 'parquet', kind: 'text', rows: 2, unknownFields: { vector: 2 } });
  expect(await validateDataset(bufferAccess(readFileSync(path)), { name: 'wide.parquet' })).toEqual(fromPath);
});

test('booleans are classes, and dates are left unread', async () => {
  const rows = (await rowsOf('kinds.parquet')).map(({ row }) => row);
  expect(rows).toEqual([
    { kind: 'labelled', text: 'a', label: 'true' },
    { kind: 'labelled', text: 'b', label: 'false' },
  ]);
});

test('of a beginning only as much is read as is asked for', async () => {
  const reads: number[] = [];
  const access = bufferAccess(await readFile(at('quickstart.parquet')));
  const counted = {
    ...access,
    read(start: number, length: number) {
      reads.push(length);
      return access.read(start, length);
    },
  };
  const reader = new DatasetReader(counted, { name: 'data', maxContentBytes: 1000 });
  let rows = 0;
  for await (const batch of reader.batches()) rows += batch.length;
  expect(rows).toBeGreaterThan(0);
  expect(rows).toBeLessThan(200);
  expect(reader.isCut).toBe(true);
  expect(reader.bytesRead / access.size).toBeCloseTo(rows / 200, 1);
});

test('a beginning that is still coming is no problem', async () => {
  const start = (await readFile(at('chats.parquet'))).subarray(0, 600);
  const reader = new DatasetReader(bufferAccess(start), { name: 'data', isBeginning: true });
  for await (const batch of reader.batches()) expect(batch).toEqual([]);
  reader.problems.throwIfAny();
});

describe('what is wrong is named', () => {
  test.each([
    ['a compression that is not read', 'completions-lz4.parquet', /the column "prompt" is compressed by LZ4/],
    ['a text that is not UTF-8', 'latin.parquet', /the column "text" has a text that is not UTF-8/],
    ['numbers for a text', 'numbers.parquet', /row 1, text: "text" must be text, but is a number/],
    ['bytes for a text', 'binary.parquet', /row 1, text: "text" must be text, but is bytes/],
    ['columns that nothing reads', 'unknown.parquet', /it has: question, answer/],
  ])('%s', async (_, name, message) => {
    expect(await problemIn(name)).toMatch(message);
  });

  test('a file that ends early', async () => {
    const whole = await readFile(at('chats.parquet'));
    for (const length of [5, 300, whole.length - 1]) {
      expect(await problemOf(whole.subarray(0, length))).toMatch(/ends early: its footer/);
    }
  });

  test('a damaged page, with its column', async () => {
    const whole = await readFile(at('completions-snappy.parquet'));
    whole.fill(0xff, 100, 200);
    expect(await problemOf(whole)).toMatch(/the column "prompt" is damaged/);
  });

  test('Parquet within gzip', async () => {
    const { gzipSync } = await import('node:zlib');
    const packed = gzipSync(await readFile(at('chats.parquet')));
    expect(await problemOf(packed)).toMatch(/parquet in gzip, which is not read/);
  });
});
