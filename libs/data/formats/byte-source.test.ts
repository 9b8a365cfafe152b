import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readChunks } from '#data/formats/byte-source.js';
import { validateDataset } from '#data/dataset.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bytes-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function* pieces(content: Buffer, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += length) yield content.subarray(at, at + length);
}

test.each([1, 3, 8, 1000])('bytes that arrive by %i come whole, the first 512 together', async (length) => {
  const content = Buffer.from('0123456789abcdef'.repeat(100));
  const chunks: string[] = [];
  for await (const chunk of readChunks(pieces(content, length), { chunkBytes: 4 }))
    chunks.push(chunk.toString());
  expect(chunks.join('')).toBe(content.toString());
  expect(chunks[0]!.length).toBeGreaterThanOrEqual(512);
});

test.each([0, 5])('%i bytes are all there is', async (length) => {
  const chunks: number[] = [];
  for await (const chunk of readChunks(pieces(Buffer.alloc(length), 2), { chunkBytes: 4 }))
    chunks.push(chunk.length);
  expect(chunks).toEqual(length === 0 ? [] : [length]);
});

test('a data set that arrives is judged as one that lies on the disk', async () => {
  const good = Buffer.from('\ufeff{"text": "one"}\r\n{"text": "two", "extra": 1}\n');
  const path = join(folder, 'good.jsonl');
  await writeFile(path, good);
  expect(await validateDataset(pieces(good, 3), { name: 'good.jsonl' })).toEqual(await validateDataset(path));
  const bad = Buffer.from('{"text": 1}\nno\n');
  await writeFile(path, bad);
  const problemsOf = (source: Parameters<typeof validateDataset>[0]) =>
    validateDataset(source, { name: 'bad.jsonl' }).catch((error: { problems: unknown }) => error.problems);
  expect(await problemsOf(pieces(bad, 5))).toEqual(await problemsOf(path));
  const zip = Buffer.from('504b0304000000000000', 'hex');
  await expect(validateDataset(pieces(zip, 1), { name: 'a.zip' })).rejects.toThrow(
    /ends in the middle of what is packed/,
  );
});

test('reading stops as soon as there are 50 problems', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given++;
      yield Buffer.from('{"text": 1}\n');
    }
  }
  await expect(validateDataset(endless(), { name: 'x' })).rejects.toMatchObject({ code: 'invalid_data' });
  expect(given).toBeLessThan(60);
});
