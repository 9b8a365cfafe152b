/** The container of llama.cpp, GGUF version 3: what reader and writer share. Numbers are little-endian. */

/** `GGUF` as the first four bytes of a file. */
export const GGUF_MAGIC = 0x46554747;
export const GGUF_VERSION = 3;
/** Where `general.alignment` says nothing else, the data section and each tensor in it begin at multiples of this. */
export const GGUF_ALIGNMENT = 32;

/** Types of metadata values by name, with their numbers in files. */
export const GGUF_VALUE_TYPES = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

/** Those of 64 bits are bigints here. */
export type GgufNumberType =
  'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';

/** One metadata value. */
export type GgufValue =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: 'uint64' | 'int64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | GgufArray;

/** A list of values of one type; lists of lists, which the format allows, are not done. */
export type GgufArray =
  | { readonly type: 'array'; readonly of: GgufNumberType; readonly values: readonly number[] }
  | { readonly type: 'array'; readonly of: 'uint64' | 'int64'; readonly values: readonly bigint[] }
  | { readonly type: 'array'; readonly of: 'bool'; readonly values: readonly boolean[] }
  | { readonly type: 'array'; readonly of: 'string'; readonly values: readonly string[] };

/** Metadata by key, in the order of the file. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** A way of storing numbers: its number in files, how many numbers make a block, and the bytes of one. */
interface TensorType {
  readonly id: number;
  readonly blockSize: number;
  readonly blockBytes: number;
}

/** The ways of storing tensors, named as ggml names them. Blocks lie along the last dimension. */
export const GGUF_TENSOR_TYPES = {
  F32: { id: 0, blockSize: 1, blockBytes: 4 },
  F16: { id: 1, blockSize: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockSize: 32, blockBytes: 18 },
  Q4_1: { id: 3, blockSize: 32, blockBytes: 20 },
  Q5_0: { id: 6, blockSize: 32, blockBytes: 22 },
  Q5_1: { id: 7, blockSize: 32, blockBytes: 24 },
  Q8_0: { id: 8, blockSize: 32, blockBytes: 34 },
  Q2_K: { id: 10, blockSize: 256, blockBytes: 84 },
  Q3_K: { id: 11, blockSize: 256, blockBytes: 110 },
  Q4_K: { id: 12, blockSize: 256, blockBytes: 144 },
  Q5_K: { id: 13, blockSize: 256, blockBytes: 176 },
  Q6_K: { id: 14, blockSize: 256, blockBytes: 210 },
  BF16: { id: 30, blockSize: 1, blockBytes: 2 },
} as const satisfies Readonly<Record<string, TensorType>>;

export type GgufTensorType = keyof typeof GGUF_TENSOR_TYPES;

/** The bytes of a tensor without padding; its last dimension must be whole blocks. */
export function ggufTensorBytes(type: GgufTensorType, shape: readonly number[]): number {
  const { blockSize, blockBytes } = GGUF_TENSOR_TYPES[type];
  return (shape.reduce((product, size) => product * size, 1) / blockSize) * blockBytes;
}

/** The first multiple of the alignment from `offset` on. */
export function aligned(offset: number, alignment = GGUF_ALIGNMENT): number {
  return Math.ceil(offset / alignment) * alignment;
}
