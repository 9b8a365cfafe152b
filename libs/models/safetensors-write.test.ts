import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSafetensorsHeader, readTensorBytes, readTensorF32 } from '#models/safetensors.js';
import { writeFolderAtomically } from '#base/atomic-file.js';
import { safetensorsLayout, streamSafetensors, writeSafetensors } from '#models/safetensors-write.js';
import type { TensorSource } from '#models/safetensors-write.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures', import.meta.url));

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), 'safetensors-write-'))));
afterEach(() => rm(scratch, { recursive: true }));

const files = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.safetensors'))
  .filter((file) => /^(families\/(llama|qwen2)|lora\/(qv|patterns))/.test(file));

describe('a file of the safetensors library, read and written again, has the same bytes', () => {
  test.each(files)('%s', async (name) => {
    const original = path.join(fixtures, name);
    const file = await readSafetensorsHeader(original);
    // Handed over backwards: the order in the file must come from the names and dtypes.
    const sources = new Map<string, TensorSource>();
    for (const [tensor, entry] of [...file.tensors].reverse()) {
      const bytes = await readTensorBytes(file, entry);
      sources.set(tensor, { ...entry, chunks: () => [bytes.subarray(0, 3), bytes.subarray(3)] });
    }
    const copy = path.join(scratch, 'copy.safetensors');
    await streamSafetensors(copy, sources, file.metadata);
    expect((await readFile(copy)).equals(await readFile(original))).toBe(true);
  });
});

const tensor = (dtype: TensorSource['dtype']) => ({ dtype, shape: [1] });

test('dtypes come by their alignment, names by their UTF-8 bytes, even names that look like numbers', () => {
  const { order } = safetensorsLayout(
    new Map([
      ['10', tensor('F16')],
      ['9', tensor('F16')],
      ['\u{1F600}', tensor('F32')],
      ['\uFFFD', tensor('F32')],
      ['bf', tensor('BF16')],
      ['u', tensor('U8')],
      ['i', tensor('I64')],
    ]),
  );
  expect(order).toEqual(['i', '\uFFFD', '\u{1F600}', 'bf', '10', '9', 'u']);
});

test('the header is padded with spaces so that data begins at a multiple of eight', async () => {
  const file = path.join(scratch, 'x.safetensors');
  const data = Float32Array.of(1, 2);
  await writeSafetensors(file, new Map([['a', { data, shape: [2] }]]), { b: '2', a: '1' });
  const bytes = await readFile(file);
  const header = bytes.subarray(8, bytes.length - 8).toString();
  expect(header.trimEnd()).toBe(
    '{"__metadata__":{"a":"1","b":"2"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
  );
  expect(header.length % 8).toBe(0);
  expect(
    safetensorsLayout(new Map([['a', { dtype: 'F32', shape: [2] }]]), { a: '1', b: '2' }).byteLength,
  ).toBe(bytes.length);
});

test('numbers can be stored as bfloat16 and float16', async () => {
  const file = path.join(scratch, 'x.safetensors');
  const data = Float32Array.of(1, -0.5, 1 + 2 ** -9);
  await writeSafetensors(
    file,
    new Map([
      ['bfloat16', { data, shape: [3], dtype: 'BF16' as const }],
      ['float16', { data, shape: [3], dtype: 'F16' as const }],
    ]),
  );
  const { tensors } = await readSafetensorsHeader(file);
  expect([...(await readTensorF32({ path: file }, tensors.get('bfloat16')!))]).toEqual([1, -0.5, 1]);
  expect([...(await readTensorF32({ path: file }, tensors.get('float16')!))]).toEqual([...data]);
});

describe('a write that fails leaves the old file and nothing else', () => {
  const failing: [why: string, code: string, chunks: TensorSource['chunks']][] = [
    ['too few bytes', 'tensor_size', () => [new Uint8Array(4)]],
    ['too many bytes', 'tensor_size', () => [new Uint8Array(8), new Uint8Array(8)]],
    [
      'a full disk',
      'disk_full',
      () => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
    ],
  ];
  test.each(failing)('%s', async (_, code, chunks) => {
    const file = path.join(scratch, 'x.safetensors');
    await writeFile(file, 'old');
    const sources = new Map([['a', { dtype: 'F32' as const, shape: [2], chunks }]]);
    await expect(streamSafetensors(file, sources)).rejects.toMatchObject({ code });
    expect(await readFile(file, 'utf8')).toBe('old');
    expect(await readdir(scratch)).toEqual(['x.safetensors']);
  });
});

const fill = (text: string) => (temporary: string) => writeFile(path.join(temporary, 'file'), text);

describe('a folder appears whole or not at all', () => {
  test('of writers that race for one name exactly one wins', async () => {
    const folder = path.join(scratch, 'made', 'folder');
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((text) => writeFolderAtomically(folder, fill(text))),
    );
    const reasons = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
    );
    expect(reasons).toEqual(Array(3).fill(expect.objectContaining({ code: 'folder_exists' })));
    expect(await readdir(path.dirname(folder))).toEqual(['folder']);
  });

  test('a failure while it is filled leaves nothing', async () => {
    await mkdir(path.join(scratch, 'empty'));
    const folder = path.join(scratch, 'empty', 'folder');
    await expect(writeFolderAtomically(folder, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(path.dirname(folder))).toEqual([]);
  });
});
