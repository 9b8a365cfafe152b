/** Data files of every format with bytes changed, cut and doubled at random: each is read or refused, and nothing falls over. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { DataError } from '#data/data-error.js';
import { validateDataset } from '#data/dataset.js';
import { bufferAccess } from '#data/formats/random-access.js';
import { imageFile } from '../image-fixtures.js';
import { zipOf } from '../integration/zip-of.js';
import { mutate, randomOf } from './mutate.js';

const files = 2000;
const rows = Array.from({ length: 40 }, (_, i) => ({ prompt: `${i}, "ä"\n`, completion: ` ${i ** 3};\t😀` }));
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
const table = (separator: string) =>
  [['prompt', 'completion'], ...rows.map(({ prompt, completion }) => [quoted(prompt), quoted(completion)])]
    .map((cells) => `${cells.join(separator)}\n`)
    .join('');
const jsonLines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const image = imageFile('rgb.png');
const inFolders = zipOf(['a/1.png', 'a/2.png', 'b/3.png'].map((path) => ({ path, content: image })));
const pathRows = 'image,label\na/1.png,x\nb/3.png,y\n';
const withRows = zipOf([
  { path: 'a/1.png', content: image },
  { path: 'b/3.png', content: image },
  { path: 'metadata.csv', content: Buffer.from(pathRows) },
]);

const fixture = (name: string) => readFileSync(join(import.meta.dirname, '../fixtures/parquet', name));

async function* whole(content: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield content;
}

test.each([
  ['jsonl', Buffer.from(jsonLines)],
  ['jsonl in UTF-16', Buffer.from(`\ufeff${jsonLines}`, 'utf16le')],
  ['json', Buffer.from(JSON.stringify(rows))],
  ['csv', Buffer.from(table(','))],
  ['tsv', Buffer.from(table('\t'))],
  ['csv in gzip', gzipSync(table(','))],
  ['images in zip', inFolders],
  ['images in zip with rows', withRows],
  ['parquet', fixture('completions-none.parquet')],
  ['parquet with snappy', fixture('completions-snappy.parquet')],
  ['parquet with lists', fixture('chats-small-pages.parquet')],
  ['parquet with zstd', fixture('chats-second-version.parquet')],
  ['parquet with lengths apart', fixture('completions-byte.parquet')],
])(
  '%s',
  async (_, content) => {
    const random = randomOf(7);
    let refused = 0;
    for (let i = 0; i < files; i++) {
      try {
        const mutated = mutate(content, random);
        const isRandom = ['PAR1', 'PK\u0003\u0004'].includes(content.subarray(0, 4).toString('latin1'));
        const source = isRandom ? bufferAccess(mutated) : whole(mutated);
        await validateDataset(source, { name: 'data' });
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(files / 10);
    expect(process.memoryUsage().rss).toBeLessThan(1.5e9);
  },
  600_000,
);
