import { LowrankError } from '#base/errors.js';
import { writeFileAtomically } from '#base/atomic-file.js';
import { sizeOf } from '#base/shapes.js';
import { roundToBfloat16, roundToFloat16 } from '#base/half-precision.js';
import { compareDtypes, DTYPE_BITS } from '#models/safetensors-dtype.js';
import type { Dtype, FloatDtype } from '#models/safetensors-dtype.js';

/** A tensor to be written, whose bytes are made only when their turn comes. */
export interface TensorSource {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The stored bytes in order, in pieces of any size; called once. */
  readonly chunks: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A tensor in memory, to be stored as float32 or rounded to bfloat16 or float16. */
export interface FloatTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  readonly dtype?: FloatDtype;
}

/** What a file will look like before a byte of it exists. */
export interface SafetensorsLayout {
  /** Names in the order of their bytes. */
  readonly order: readonly string[];
  /** The length field, the JSON and its padding. */
  readonly header: Uint8Array;
  /** Of the whole file. */
  readonly byteLength: number;
}

/**
 * Lays a file out as the safetensors library (0.8) does: dtypes with the coarsest alignment first, then by the UTF-8
 * bytes of the names; the header padded with spaces to 8 bytes. Equal tensors and metadata give equal bytes.
 */
export function safetensorsLayout(
  tensors: ReadonlyMap<string, Pick<TensorSource, 'dtype' | 'shape'>>,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const entries = [...tensors]
    .map(([name, tensor]) => ({ name, tensor, key: Buffer.from(name) }))
    .sort((a, b) => compareDtypes(a.tensor.dtype, b.tensor.dtype) || Buffer.compare(a.key, b.key));
  const json: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) {
    json.push([
      '__metadata__',
      Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))),
    ]);
  }
  let offset = 0;
  for (const { name, tensor } of entries) {
    const end = offset + storedBytes(tensor);
    json.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Written entry by entry: an object would move names that look like numbers to the front.
  const members = json.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const text = Buffer.from(`{${members.join(',')}}`);
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  text.copy(header, 8);
  return { order: entries.map(({ name }) => name), header, byteLength: header.length + offset };
}

/**
 * Writes tensors that are made one after another to a safetensors file, which appears whole or not at all.
 *
 * Memory stays at one piece of one tensor. Throws LowrankError `disk_full`, and `tensor_size` if a source yields more or
 * fewer bytes than its shape says.
 */
export async function streamSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorSource>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomically(path, fileChunks(tensors, metadata));
}

/** Writes tensors in memory to a safetensors file, which appears whole or not at all; see `streamSafetensors`. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, FloatTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const sources = new Map([...tensors].map(([name, tensor]) => [name, floatSource(tensor)]));
  await streamSafetensors(path, sources, metadata);
}

/** The whole file in pieces, for writers that choose their own place. */
export async function* fileChunks(
  tensors: ReadonlyMap<string, TensorSource>,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const { order, header } = safetensorsLayout(tensors, metadata);
  yield header;
  for (const name of order) {
    const source = tensors.get(name)!;
    const expected = storedBytes(source);
    let written = 0;
    for await (const chunk of source.chunks()) {
      written += chunk.length;
      if (written > expected) break;
      yield chunk;
    }
    if (written !== expected) {
      throw new LowrankError(
        'tensor_size',
        `tensor ${JSON.stringify(name)} [${source.shape.join(', ')}] of ${source.dtype} needs ${expected} bytes, its source gave ${written}${written > expected ? ' or more' : ''}`,
        { details: { tensor: name, expected, written } },
      );
    }
  }
}

/** The bytes of a float tensor as they are stored. */
export function floatSource({ data, shape, dtype = 'F32' }: FloatTensor): TensorSource {
  const stored = () => {
    const numbers = dtype === 'F32' ? data : dtype === 'BF16' ? roundToBfloat16(data) : roundToFloat16(data);
    return [new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)];
  };
  return { dtype, shape, chunks: stored };
}

function storedBytes({ dtype, shape }: Pick<TensorSource, 'dtype' | 'shape'>): number {
  return (sizeOf(shape) * DTYPE_BITS[dtype]) / 8;
}
