import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bufferAccess, openFile, partialFile, SpanMissing } from '#data/formats/random-access.js';

const folder = mkdtempSync(join(tmpdir(), 'access-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'file');
writeFileSync(path, 'abcdefghij');

test('a file and a buffer give the same bytes, fewer at the end', async () => {
  const file = await openFile(path);
  for (const access of [file, bufferAccess(Buffer.from('abcdefghij'))]) {
    expect(access.size).toBe(10);
    expect((await access.read(2, 3)).toString()).toBe('cde');
    expect((await access.read(8, 5)).toString()).toBe('ij');
    expect((await access.read(10, 5)).length).toBe(0);
  }
  await file.close();
});

test('bytes have memory of their own, so that nobody reads on into that of others', async () => {
  const file = await openFile(path);
  for (const access of [file, bufferAccess(Buffer.from('abcdefghij'))]) {
    const bytes = await access.read(2, 3);
    expect(bytes.buffer.byteLength).toBe(3);
  }
  await file.close();
});

test('of a file that is here in part the rest is asked for', async () => {
  const part = partialFile(path, 10, [
    [6, 8],
    [0, 4],
    [4, 5],
  ]);
  expect((await part.read(1, 4)).toString()).toBe('bcde');
  expect((await part.read(6, 2)).toString()).toBe('gh');
  const missing = await part.read(3, 20).catch((error: unknown) => error);
  expect(missing).toBeInstanceOf(SpanMissing);
  expect(missing).toMatchObject({ path, start: 5, length: 5 });
  await part.close();
});
