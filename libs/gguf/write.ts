/** Writes GGUF files from tensors that are made one after another. */
import { LowrankError } from '#base/errors.js';
import {
  aligned,
  GGUF_ALIGNMENT,
  GGUF_MAGIC,
  GGUF_TENSOR_TYPES,
  GGUF_VALUE_TYPES,
  GGUF_VERSION,
  type GgufMetadata,
  type GgufTensorType,
  ggufTensorBytes,
  type GgufValue,
} from '#gguf/format.js';

/** A tensor to be written, whose bytes are made only when their turn comes. */
export interface GgufTensorSource {
  readonly type: GgufTensorType;
  /** Outermost dimension first, as in safetensors; files hold it the other way round. */
  readonly shape: readonly number[];
  /** The stored bytes in order, in pieces of any size; called once. */
  readonly chunks: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

type Tensors = ReadonlyMap<string, GgufTensorSource>;

/** Bytes of the whole file. */
export function ggufByteLength(metadata: GgufMetadata, tensors: Tensors): number {
  let length = ggufHeader(metadata, tensors).length;
  for (const { type, shape } of tensors.values()) length += aligned(ggufTensorBytes(type, shape));
  return length;
}

/**
 * The whole file in pieces: equal metadata and tensors give equal bytes.
 *
 * Throws LowrankError `tensor_size` if a source gives more or fewer bytes than its shape says.
 */
export async function* ggufChunks(metadata: GgufMetadata, tensors: Tensors): AsyncGenerator<Uint8Array> {
  yield ggufHeader(metadata, tensors);
  for (const [name, { type, shape, chunks }] of tensors) {
    const expected = ggufTensorBytes(type, shape);
    let written = 0;
    for await (const chunk of chunks()) {
      written += chunk.length;
      if (written > expected) break;
      yield chunk;
    }
    if (written !== expected) {
      throw new LowrankError(
        'tensor_size',
        `tensor ${name} [${shape.join(', ')}] of ${type} needs ${expected} bytes, its source gave ${written}${written > expected ? ' or more' : ''}`,
        { details: { tensor: name, expected, written } },
      );
    }
    yield new Uint8Array(aligned(expected) - expected);
  }
}

/** Everything before the first tensor's bytes, with the padding that these need. */
function ggufHeader(metadata: GgufMetadata, tensors: Tensors): Buffer {
  const parts = [u32(GGUF_MAGIC), u32(GGUF_VERSION), u64(tensors.size), u64(metadata.size)];
  for (const [key, value] of metadata) {
    parts.push(text(key), u32(GGUF_VALUE_TYPES[value.type]), valueBytes(value));
  }
  let offset = 0;
  for (const [name, { type, shape }] of tensors) {
    const sizes = [...shape].reverse().map(u64);
    parts.push(text(name), u32(shape.length), ...sizes, u32(GGUF_TENSOR_TYPES[type].id), u64(offset));
    offset += aligned(ggufTensorBytes(type, shape));
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(aligned(header.length, GGUF_ALIGNMENT) - header.length)]);
}

function valueBytes(value: GgufValue): Buffer {
  if (value.type !== 'array') return scalarBytes(value);
  const { of, values } = value;
  const items = [...values].map((item) => scalarBytes({ type: of, value: item } as Scalar));
  return Buffer.concat([u32(GGUF_VALUE_TYPES[of]), u64(values.length), ...items]);
}

type Scalar = Exclude<GgufValue, { type: 'array' }>;

const writers = {
  uint8: [1, (bytes: Buffer, value: number) => bytes.writeUInt8(value)],
  int8: [1, (bytes: Buffer, value: number) => bytes.writeInt8(value)],
  uint16: [2, (bytes: Buffer, value: number) => bytes.writeUInt16LE(value)],
  int16: [2, (bytes: Buffer, value: number) => bytes.writeInt16LE(value)],
  uint32: [4, (bytes: Buffer, value: number) => bytes.writeUInt32LE(value)],
  int32: [4, (bytes: Buffer, value: number) => bytes.writeInt32LE(value)],
  float32: [4, (bytes: Buffer, value: number) => bytes.writeFloatLE(value)],
  float64: [8, (bytes: Buffer, value: number) => bytes.writeDoubleLE(value)],
} as const;

function scalarBytes(scalar: Scalar): Buffer {
  if (scalar.type === 'string') return text(scalar.value);
  if (scalar.type === 'bool') return Buffer.from([scalar.value ? 1 : 0]);
  if (scalar.type === 'uint64' || scalar.type === 'int64') {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt.asIntN(64, scalar.value));
    return bytes;
  }
  // Told by its type, which the compiler does not follow into unions of unions.
  const { type, value } = scalar as Extract<Scalar, { value: number }>;
  const [size, write] = writers[type];
  const bytes = Buffer.alloc(size);
  write(bytes, value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}
