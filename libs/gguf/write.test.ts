import { expect, it } from 'vitest';
import { roundToFloat16 } from '#base/half-precision.js';
import type { GgufValue } from '#gguf/format.js';
import { quantizeQ8_0 } from '#gguf/q8-0.js';
import { ggufByteLength, ggufChunks, type GgufTensorSource } from '#gguf/write.js';

/** Written by the Python package gguf 0.19 from the same values. */
const golden = [
  'R0dVRgMAAAADAAAAAAAAAAoAAAAAAAAAFAAAAAAAAABnZW5lcmFsLmFyY2hpdGVjdHVyZQgAAAAFAAAAAAAAAGxsYW1hDAAAAAAA',
  'AABnZW5lcmFsLnR5cGUIAAAABwAAAAAAAABhZGFwdGVyDAAAAAAAAABhZGFwdGVyLnR5cGUIAAAABAAAAAAAAABsb3JhEgAAAAAA',
  'AABhZGFwdGVyLmxvcmEuYWxwaGEGAAAAAACAQRwAAAAAAAAAdG9rZW5pemVyLmdnbWwuYWRkX2Jvc190b2tlbgcAAAABBQAAAAAA',
  'AABhLmJpZwoAAAABAAAAAAEAAAoAAAAAAAAAYS5uZWdhdGl2ZQsAAAD9/////////xUAAAAAAAAAdG9rZW5pemVyLmdnbWwudG9r',
  'ZW5zCQAAAAgAAAADAAAAAAAAAAEAAAAAAAAAYQIAAAAAAAAAw6kAAAAAAAAAABUAAAAAAAAAdG9rZW5pemVyLmdnbWwuc2NvcmVz',
  'CQAAAAYAAAADAAAAAAAAAAAAAD8AAIC/AACAPhkAAAAAAAAAdG9rZW5pemVyLmdnbWwudG9rZW5fdHlwZQkAAAAFAAAAAwAAAAAA',
  'AAABAAAAAwAAAAYAAAABAAAAAAAAAGECAAAAAwAAAAAAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAaAIAAAADAAAAAAAA',
  'AAIAAAAAAAAAAQAAACAAAAAAAAAAAQAAAAAAAABxAgAAACAAAAAAAAAAAgAAAAAAAAAIAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'AAAAAAAAAAAAAAAAAACAPwAAAEAAAEBAAACAQAAAoEAAAAAAAAAAAAAAADwAQABCAEQARQAAAAAAAAAAAAAAAAAAAAAAAAAADSiC',
  'GLI71Wz4kim1TOVvCKIrxVzofxmlPNZf+ZIctUzYb9YYAAAAAACBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'AAAAAAAAAAAAAAAAAAAAAAAA',
].join('');

const metadata = new Map<string, GgufValue>([
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['general.type', { type: 'string', value: 'adapter' }],
  ['adapter.type', { type: 'string', value: 'lora' }],
  ['adapter.lora.alpha', { type: 'float32', value: 16 }],
  ['tokenizer.ggml.add_bos_token', { type: 'bool', value: true }],
  ['a.big', { type: 'uint64', value: 2n ** 40n + 1n }],
  ['a.negative', { type: 'int64', value: -3n }],
  ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: ['a', 'é', ''] }],
  ['tokenizer.ggml.scores', { type: 'array', of: 'float32', values: [0.5, -1, 0.25] }],
  ['tokenizer.ggml.token_type', { type: 'array', of: 'int32', values: [1, 3, 6] }],
]);

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

function tensors(): Map<string, GgufTensorSource> {
  const numbers = Float32Array.from({ length: 6 }, (_, i) => i);
  const varied = Float32Array.from({ length: 64 }, (_, i) =>
    i < 32 ? ((i * 37) % 64) / 8 - 4 + (i % 3) / 7 : i === 37 ? -0.3 : 0,
  );
  return new Map<string, GgufTensorSource>([
    ['a', { type: 'F32', shape: [2, 3], chunks: () => [bytesOf(numbers)] }],
    ['h', { type: 'F16', shape: [2, 3], chunks: () => [bytesOf(roundToFloat16(numbers))] }],
    ['q', { type: 'Q8_0', shape: [2, 32], chunks: () => [quantizeQ8_0(varied)] }],
  ]);
}

it('writes the bytes that the gguf package writes, eight-bit blocks too', async () => {
  const pieces: Uint8Array[] = [];
  for await (const piece of ggufChunks(metadata, tensors())) pieces.push(piece);
  const file = Buffer.concat(pieces);
  expect(file.toString('base64')).toBe(golden);
  expect(ggufByteLength(metadata, tensors())).toBe(file.length);
});

it('names the tensor whose source gives another number of bytes than its shape says', async () => {
  const short = new Map([['t', { ...tensors().get('a')!, shape: [3, 3] }]]);
  const write = async () => {
    for await (const piece of ggufChunks(new Map(), short)) void piece;
  };
  await expect(write()).rejects.toMatchObject({ code: 'tensor_size', details: { tensor: 't', written: 24 } });
});
