/** The same rows in every format, however they are packed; and what is wrong with files, by line. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { DatasetReader, validateDataset } from '#data/dataset.js';
import type { DataError, DataProblem } from '#data/data-error.js';
import type { NumberedRow } from '#data/rows/row.js';

const folder = mkdtempSync(join(tmpdir(), 'formats-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function* pieces(content: Buffer, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += length) yield content.subarray(at, at + length);
}

async function read(content: Buffer, { length = 1000, isBeginning = false } = {}) {
  const reader = new DatasetReader(pieces(content, length), { name: 'data', isBeginning });
  const rows: NumberedRow[] = [];
  for await (const batch of reader.batches()) rows.push(...batch);
  const { format } = reader.summary();
  return { rows: rows.map(({ row }) => row), lines: rows.map(({ line }) => line), format };
}

async function problemsOf(content: Buffer | string): Promise<readonly DataProblem[]> {
  try {
    await validateDataset(pieces(Buffer.from(content), 1000), { name: 'data' });
  } catch (error) {
    return (error as DataError).problems;
  }
  throw new Error('nothing was wrong');
}
const briefly = async (content: Buffer | string) =>
  (await problemsOf(content)).map(({ line, code }) => [line, code]);

const rows = [
  { prompt: 'a, "b"', completion: ' c\nd' },
  { prompt: 'ä\t😀', completion: '[{"a": 1}]' },
  { prompt: "it's; so", completion: '{"x": 2}' },
];
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
const table = (separator: string, lineEnd = '\n') =>
  [['prompt', 'completion'], ...rows.map(({ prompt, completion }) => [prompt, completion])]
    .map((cells) => cells.map(quoted).join(separator) + lineEnd)
    .join('');

/** A ZIP archive of one file, its sizes before or after it. */
function zip(
  content: Buffer,
  { isLater = false, crc = crc32(content), length = content.length } = {},
): Buffer {
  const packed = deflateRawSync(content);
  const facts = Buffer.alloc(12);
  facts.writeUInt32LE(crc, 0);
  facts.writeUInt32LE(packed.length, 4);
  facts.writeUInt32LE(length, 8);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(isLater ? 8 : 0, 6);
  header.writeUInt16LE(8, 8);
  if (!isLater) facts.copy(header, 14);
  header.writeUInt16LE(4, 26);
  const signature = Buffer.from([0x50, 0x4b, 7, 8]);
  const after = isLater ? [signature, facts] : [];
  return Buffer.concat([header, Buffer.from('data'), packed, ...after, Buffer.from([0x50, 0x4b, 1, 2])]);
}

const written = {
  jsonl: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  json: JSON.stringify(rows, null, 2),
  csv: table(','),
  'csv with semicolons': table(';', '\r\n'),
  tsv: table('\t'),
};
const packed = {
  plain: (text: string) => Buffer.from(text),
  'with a byte order mark': (text: string) => Buffer.from(`\ufeff${text}`),
  'UTF-16': (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-16 the other way round': (text: string) => Buffer.from(text, 'utf16le').swap16(),
  gzip: (text: string) => gzipSync(text),
  'two members of gzip': (text: string) =>
    Buffer.concat([gzipSync(text.slice(0, 9)), gzipSync(text.slice(9))]),
  zip: (text: string) => zip(Buffer.from(text)),
  'zip as it is streamed': (text: string) => zip(Buffer.from(text), { isLater: true }),
};

describe.each(Object.entries(written))('%s', (format, text) => {
  test.each(Object.entries(packed))('%s gives the rows', async (packing, pack) => {
    for (const length of [1, 5, 1000]) {
      const found = await read(pack(text), { length });
      expect(found.rows).toEqual(rows.map((row) => ({ kind: 'completion', ...row })));
      const way = /UTF-16/.test(packing)
        ? ' in UTF-16'
        : (/gzip|zip/.exec(packing)?.[0] ?? '').replace(/^/, ' in ');
      expect(found.format).toBe(`${format.split(' ')[0]}${way.trim() === 'in' ? '' : way}`);
    }
  });

  test('of a beginning the whole rows are read', async () => {
    for (const pack of [packed.plain, packed.gzip, packed.zip]) {
      const content = pack(text);
      // The head is never so short that it ends within the names of columns.
      for (let cut = Math.ceil(0.8 * content.length); cut < content.length; cut++) {
        const found = await read(content.subarray(0, cut), { isBeginning: true }).catch(
          (error: unknown) => error,
        );
        expect(found).not.toHaveProperty('problems');
        if (found instanceof Error) throw found;
        const { rows: read_ } = found as { rows: unknown[] };
        expect(read_).toEqual(rows.slice(0, read_.length).map((row) => ({ kind: 'completion', ...row })));
      }
    }
  });
});

test('archives that the zip command makes are read', async () => {
  const file = join(folder, 'rows.csv');
  writeFileSync(file, written.csv);
  execFileSync('python3', ['-m', 'zipfile', '-c', join(folder, 'rows.zip'), file]);
  expect((await read(readFileSync(join(folder, 'rows.zip')))).rows).toHaveLength(3);
});

test('rows of tables and arrays are numbered by the line that they begin on', async () => {
  expect((await read(Buffer.from(written.csv))).lines).toEqual([2, 4, 5]);
  expect((await read(Buffer.from(written.json))).lines).toEqual([2, 6, 10]);
});

test('cells hold conversations as JSON, and labels as text', async () => {
  const messages = [
    { role: 'user', content: 'Who?' },
    { role: 'assistant', content: 'Me.' },
  ];
  const cell = quoted(JSON.stringify(messages));
  expect((await read(Buffer.from(`messages,tools\n${cell},\n`))).rows).toEqual([{ kind: 'chat', messages }]);
  expect((await read(Buffer.from('text,label\nGood.,1\n'))).rows).toEqual([
    { kind: 'labelled', text: 'Good.', label: '1' },
  ]);
  const pair = [[messages[0]], [messages[1]]].map((part) => quoted(JSON.stringify(part))).join(',');
  expect((await read(Buffer.from(`prompt,completion\n${pair}\n`))).rows).toMatchObject([{ kind: 'chat' }]);
});

describe('what is wrong is named with its line', () => {
  test.each([
    ['a quote that never closes', 'text\na\n"b\nc\n', [[3, 'broken_quote']]],
    ['text after a quote', 'text,label\na,b\n"c"d,e\n', [[3, 'broken_quote']]],
    ['a quote within a cell', 'text,label\na,b\nc "d",e\n', [[3, 'broken_quote']]],
    [
      'too few and too many cells',
      'text,label\na\nb,c,d\n',
      [
        [2, 'wrong_cell_count'],
        [3, 'wrong_cell_count'],
      ],
    ],
    ['two columns of one name', 'text,text\na,b\n', [[1, 'double_column']]],
    ['a table without rows', 'text,label\n', [[0, 'empty_file']]],
    ['bytes that are no UTF-8', Buffer.from('text\na\n\xff\n', 'latin1'), [[3, 'not_utf8']]],
    ['a NUL byte', 'text\na\n\0\n', [[3, 'nul_byte']]],
    ['an empty array', '[]', [[0, 'empty_file']]],
    ['an array that does not end', '[{"text": "a"},\n{"text": "b"}', [[2, 'truncated_last_line']]],
    ['an element that is no object', '[{"text": "a"},\n1]', [[2, 'not_an_object']]],
    ['an element that is no JSON', '[{"text": "a"},\n{"text"}]', [[2, 'invalid_json']]],
    ['a comma at the end', '[{"text": "a"},\n]', [[2, 'invalid_json']]],
    ['something after the array', '[{"text": "a"}]\n[]', [[2, 'invalid_json']]],
    ['half of a character in UTF-16', Buffer.from('{"text": "a\ud800"}', 'utf16le'), [[1, 'not_utf16']]],
    ['gzip that breaks off', gzipSync(written.csv).subarray(0, -12), [[0, 'packing_truncated']]],
    [
      'something after gzip',
      Buffer.concat([gzipSync('text\na\n'), Buffer.from('more')]),
      [[0, 'packing_damaged']],
    ],
    ['gzip that is damaged', damaged(gzipSync(written.csv)), [[0, 'packing_damaged']]],
    ['a lying checksum', zip(Buffer.from(written.csv), { crc: 1 }), [[0, 'packing_damaged']]],
    ['a lying size', zip(Buffer.from(written.csv), { length: 1, isLater: true }), [[0, 'packing_damaged']]],
    [
      'two files in an archive',
      Buffer.concat([zip(Buffer.from(written.csv)).subarray(0, -4), zip(Buffer.from(written.csv))]),
      [[0, 'several_files']],
    ],
    ['a bomb', gzipSync(`[{"text": "a"},${' '.repeat(80_000_000)}`), [[0, 'unpacks_too_far']]],
  ])('%s', async (_, content, expected) => {
    expect(await briefly(content)).toEqual(expected);
  });

  function damaged(bytes: Buffer): Buffer {
    bytes[bytes.length - 6]! ^= 1;
    return bytes;
  }
});
