import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReferenceFile } from '#training/reference-file.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reference-file-'));
});
afterEach(() => rm(folder, { recursive: true }));

const shape = { blockCount: 3, valuesPerBlock: 2 };

test('values are kept block by block, and what is missing, torn or damaged is known', async () => {
  const path = join(folder, 'new', 'a.reference');
  const file = ReferenceFile.open(path, shape);
  expect(file.missing()).toEqual([0, 1, 2]);
  await file.write(new Map([[2, Float32Array.of(5, 6)]]));
  expect(file.missing()).toEqual([0, 1]);
  await file.write(
    new Map([
      [0, Float32Array.of(1, 2)],
      [1, Float32Array.of(3, 4)],
    ]),
  );
  expect([0, 1, 2].map((index) => [...file.of(index)])).toEqual([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const digest = file.digest();
  file.close();
  const again = ReferenceFile.open(path, shape);
  expect([again.missing(), again.digest()]).toEqual([[], digest]);
  await truncate(path, 30);
  expect(again.missing()).toEqual([2]);
  const bytes = await readFile(path);
  bytes[1]! ^= 1;
  await writeFile(path, bytes);
  expect(again.missing()).toEqual([0, 2]);
  expect(() => again.of(0)).toThrow(expect.objectContaining({ code: 'prepared_data_corrupt' }));
  again.close();
});
