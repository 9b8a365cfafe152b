import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bitsAt, streamKey } from '#jit/random.js';
import {
  ADAPTER_LIMITS,
  readSafetensorsHeader,
  readTensorF32,
  readTensorI32,
  sameTensor,
  SafetensorsError,
} from '#models/safetensors.js';
import type { SafetensorsFile } from '#models/safetensors.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures', import.meta.url));

let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(path.join(tmpdir(), 'safetensors-'))));
afterAll(() => rm(scratch, { recursive: true }));

/** A file with this header text and this many bytes of data. */
async function fileOf(header: string | Uint8Array, dataBytes = 0, announced?: bigint): Promise<string> {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(announced ?? BigInt(text.length));
  const file = path.join(scratch, 'case.safetensors');
  await writeFile(file, Buffer.concat([length, text, Buffer.alloc(dataBytes, 1)]));
  return file;
}
const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) =>
  `{"dtype":"F32","shape":${JSON.stringify(shape)},"data_offsets":[${begin},${end}]}`;

describe('a file that lies is refused with a code for the lie', () => {
  test.each<[code: string, header: string, dataBytes: number, message: RegExp]>([
    ['safetensors_header_not_json', `[${f32(0, 4)}]`, 4, /does not begin with "{"/],
    ['safetensors_header_not_json', '{"a":', 0, /is JSON that breaks off/],
    ['safetensors_header_not_json', `\uFEFF{"a":${f32(0, 4)}}`, 4, /does not begin with "{"/],
    ['safetensors_duplicate_key', `{"a":${f32(0, 4)},"a":${f32(4, 8)}}`, 8, /names "a" twice/],
    ['safetensors_duplicate_key', `{"a":${f32(0, 4)},"\\u0061":${f32(4, 8)}}`, 8, /names "a" twice/],
    [
      'safetensors_duplicate_key',
      `{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}`,
      4,
      /names "dtype" twice/,
    ],
    ['safetensors_entry_invalid', '{"a":null}', 0, /tensor "a" has no shape/],
    ['safetensors_entry_invalid', `{"a":${f32(0, 4, [1.5])}}`, 4, /has no shape .*\[1.5\]/],
    ['safetensors_entry_invalid', `{"a":${f32(0, 4, [-1])}}`, 4, /has no shape/],
    ['safetensors_entry_invalid', `{"a":${f32(0, 4, Array(65).fill(1))}}`, 4, /at most 64/],
    [
      'safetensors_entry_invalid',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}',
      4,
      /no pair of data_offsets/,
    ],
    ['safetensors_entry_invalid', `{"\\ud800":${f32(0, 4)}}`, 4, /not Unicode/],
    [
      'safetensors_unknown_dtype',
      '{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}',
      4,
      /unknown dtype "Q4"/,
    ],
    ['safetensors_offsets_invalid', `{"a":${f32(8, 4, [1])}}`, 8, /ends at byte 4 before it begins at 8/],
    [
      'safetensors_size_mismatch',
      `{"a":${f32(0, 4, [2])}}`,
      4,
      /\[2\] of F32 needs 8 bytes, its data_offsets span 4/,
    ],
    ['safetensors_size_mismatch', `{"a":${f32(0, 4, [2 ** 40, 2 ** 40])}}`, 4, /data_offsets span 4/],
    [
      'safetensors_size_mismatch',
      '{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}',
      1,
      /needs 0.5 bytes/,
    ],
    [
      'safetensors_overlap',
      `{"a":${f32(0, 8)},"b":${f32(4, 8)}}`,
      8,
      /tensor "b" begins at byte 4 .* ends at 8: they overlap/,
    ],
    [
      'safetensors_hole',
      `{"a":${f32(0, 4)},"b":${f32(8, 12)}}`,
      12,
      /tensor "b" begins at byte 8 .* ends at 4/,
    ],
    ['safetensors_hole', `{"a":${f32(4, 8)}}`, 8, /begins at byte 4/],
    ['safetensors_truncated', `{"a":${f32(0, 8)}}`, 7, /"a" ends at byte .* which has/],
    ['safetensors_trailing_bytes', `{"a":${f32(0, 8)}}`, 9, /"a" ends at byte/],
    ['safetensors_metadata_invalid', '{"__metadata__":{"format":1}}', 0, /__metadata__/],
    ['safetensors_metadata_invalid', '{"__metadata__":"pt"}', 0, /__metadata__/],
  ])('%s: %s', async (code, header, dataBytes, message) => {
    const file = await fileOf(header, dataBytes);
    const error = await readSafetensorsHeader(file).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SafetensorsError);
    expect(error).toMatchObject({ code, details: { file } });
    expect((error as Error).message).toMatch(message);
  });

  test('a header length that no file has, or beyond the cap, or beyond the file', async () => {
    const huge = await fileOf('{}', 0, 2n ** 64n - 1n);
    await expect(readSafetensorsHeader(huge)).rejects.toMatchObject({ code: 'safetensors_header_too_large' });
    const long = await fileOf('{}', 0, 1_048_577n);
    await expect(readSafetensorsHeader(long, ADAPTER_LIMITS)).rejects.toMatchObject({
      code: 'safetensors_header_too_large',
      details: { headerLength: '1048577', limit: 1_048_576 },
    });
    await expect(readSafetensorsHeader(long)).rejects.toMatchObject({ code: 'safetensors_header_truncated' });
  });

  test('bytes that are not UTF-8', async () => {
    const file = await fileOf(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
    await expect(readSafetensorsHeader(file)).rejects.toMatchObject({ code: 'safetensors_header_not_utf8' });
  });

  test('more tensors than allowed', async () => {
    const names = Array.from({ length: 4097 }, (_, i) => `"t${i}":${f32(0, 0)}`);
    const file = await fileOf(`{${names.join(',')}}`);
    await expect(readSafetensorsHeader(file, ADAPTER_LIMITS)).rejects.toMatchObject({
      code: 'safetensors_too_many_tensors',
      details: { tensors: 4097, limit: 4096 },
    });
  });

  test('a Git LFS pointer', async () => {
    const file = path.join(scratch, 'pointer');
    await writeFile(file, 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n');
    const message = expect.stringContaining('git lfs pull') as unknown;
    await expect(readSafetensorsHeader(file)).rejects.toMatchObject({ message });
  });

  test('a file shorter than a length field, a folder and no file at all', async () => {
    const short = path.join(scratch, 'short');
    await writeFile(short, 'abc');
    await expect(readSafetensorsHeader(short)).rejects.toMatchObject({ code: 'safetensors_too_small' });
    await expect(readSafetensorsHeader(scratch)).rejects.toMatchObject({ code: 'safetensors_not_a_file' });
    await expect(readSafetensorsHeader(path.join(scratch, 'absent'))).rejects.toMatchObject({
      code: 'file_not_found',
    });
  });

  test('a header nested ten thousand levels deep', async () => {
    const file = await fileOf(`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`);
    await expect(readSafetensorsHeader(file)).rejects.toMatchObject({ code: 'safetensors_entry_invalid' });
  });
});

test('a thousand damaged files are read or refused with a typed error', async () => {
  const whole = await readFile(path.join(fixtures, 'lora/qv/init/adapter_model.safetensors'));
  const headerEnd = 8 + Number(whole.readBigUInt64LE());
  const key = streamKey(1, 0, 'damage');
  const file = path.join(scratch, 'damaged.safetensors');
  for (let i = 0; i < 1000; i++) {
    const random = (k: number, limit: number) => bitsAt(key, 8 * i + k) % limit;
    const damaged = Buffer.from(whole);
    for (let k = 0; k < 1 + (i % 3); k++) damaged[random(2 * k, headerEnd)] = random(2 * k + 1, 256);
    await writeFile(file, i % 5 === 0 ? damaged.subarray(0, random(7, whole.length)) : damaged);
    const outcome = await readSafetensorsHeader(file, ADAPTER_LIMITS).catch((error: unknown) => error);
    expect(outcome instanceof SafetensorsError || (outcome as SafetensorsFile).tensors.size > 0).toBe(true);
  }
});

test('names that mean something in JavaScript are ordinary names', async () => {
  const file = await fileOf(`{"__proto__":${f32(0, 4)},"constructor":${f32(4, 8)},"10":${f32(8, 12)}}`, 12);
  const { tensors } = await readSafetensorsHeader(file);
  expect([...tensors.keys()]).toEqual(['__proto__', 'constructor', '10']);
});

test('empty tensors, scalars and an empty file are in order', async () => {
  const file = await fileOf(`{"empty":${f32(0, 0, [0, 3])},"scalar":${f32(0, 4, [])}}`, 4);
  const { tensors } = await readSafetensorsHeader(file);
  expect(tensors.get('scalar')).toMatchObject({ shape: [], byteLength: 4 });
  expect(await readTensorF32({ path: file }, tensors.get('empty')!)).toHaveLength(0);
  expect((await readSafetensorsHeader(await fileOf('{}    '))).tensors.size).toBe(0);
});

async function read(folder: string, tensor: string): Promise<Float32Array> {
  for (const name of readdirSync(path.join(fixtures, folder)).filter((file) =>
    /^model.*safetensors$/.test(file),
  )) {
    const file = await readSafetensorsHeader(path.join(fixtures, folder, name));
    const entry = file.tensors.get(tensor);
    if (entry !== undefined) return readTensorF32(file, entry);
  }
  throw new Error(`${tensor} is not in ${folder}`);
}

test('float32, bfloat16 and float16 of one model read as the same numbers within their precision', async () => {
  const tensor = 'model.layers.1.mlp.down_proj.weight';
  const exact = await read('families/llama', tensor);
  const bfloat16 = await read('families/llama-bf16', tensor);
  const float16 = await read('families/llama-f16-sharded', tensor);
  exact.forEach((value, i) => {
    expect(Math.abs(bfloat16[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -8);
    expect(Math.abs(float16[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -25);
  });
});

test('token ids come as int32, other dtypes are refused by name', async () => {
  const file = await readSafetensorsHeader(path.join(fixtures, 'families/llama/expected.safetensors'));
  const ids = file.tensors.get('input_ids')!;
  expect(ids.dtype).toBe('I64');
  const values = await readTensorI32(file, ids);
  expect(values).toHaveLength(ids.shape.reduce((a, b) => a * b));
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  await expect(readTensorF32(file, ids)).rejects.toMatchObject({
    code: 'unsupported',
    details: { dtype: 'I64' },
  });
  const logits = file.tensors.get('logits')!;
  await expect(readTensorI32(file, logits)).rejects.toMatchObject({ code: 'unsupported' });
});

test('tensors are the same only in dtype, shape and every byte', async () => {
  const file = await fileOf(`{"a":${f32(0, 4)},"b":${f32(4, 8)},"c":${f32(8, 12, [1, 1])}}`, 12);
  const { tensors } = await readSafetensorsHeader(file);
  const at = (name: string) => ({ path: file, entry: tensors.get(name)! });
  expect(await sameTensor(at('a'), at('b'))).toBe(true);
  expect(await sameTensor(at('a'), at('c'))).toBe(false);
});
