/**
 * The number formats of GGUF tensors: how many numbers a block holds, in how many bytes, and what they are.
 *
 * Layouts: ggml-common.h and ggml-quants.c of https://github.com/ggml-org/llama.cpp. Numbers come out in float32, each step
 * rounded as `dequantize` of the Python package gguf 0.19 rounds it.
 */
import { upcastBfloat16, upcastFloat16 } from '#base/half-precision.js';
import { GGUF_TENSOR_TYPES, type GgufTensorType } from '#gguf/format.js';

/** A format that is read here. */
export type BlockType = Exclude<GgufTensorType, 'Q2_K' | 'Q3_K'>;

/** Writes the numbers of whole blocks. */
type Decoder = (blocks: Uint8Array, numbers: Float32Array) => void;

const fround = Math.fround;

let halves: Float32Array | undefined;
/** All float16 numbers by their bits. */
function makeHalves(): Float32Array {
  const numbers = new Float32Array(1 << 16);
  upcastFloat16(
    Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits),
    numbers,
  );
  return numbers;
}

/** The float16 at a byte. */
function half(bytes: Uint8Array, at: number): number {
  halves ??= makeHalves();
  return halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** Numbers of two or four bytes, wherever they lie. */
const aligned = (bytes: Uint8Array) => bytes.slice().buffer;

/** A format of blocks, decoded one by one. */
function blocksOf(
  type: BlockType,
  one: (blocks: Uint8Array, at: number, numbers: Float32Array, to: number) => void,
): Decoder {
  const { blockSize, blockBytes } = GGUF_TENSOR_TYPES[type];
  return (blocks, numbers) => {
    const count = numbers.length / blockSize;
    for (let block = 0; block < count; block++) one(blocks, block * blockBytes, numbers, block * blockSize);
  };
}

/** Blocks of 32 codes of four bits, with a fifth bit of each where `high` is the offset of those, and a smallest number or an offset. */
function small(
  type: BlockType,
  { hasSmallest, hasHigh }: { hasSmallest: boolean; hasHigh: boolean },
): Decoder {
  const high = hasSmallest ? 4 : 2;
  const low = high + (hasHigh ? 4 : 0);
  const middle = hasHigh ? 16 : 8;
  return blocksOf(type, (blocks, at, numbers, to) => {
    const scale = half(blocks, at);
    const smallest = hasSmallest ? half(blocks, at + 2) : 0;
    for (let i = 0; i < 32; i++) {
      const pair = blocks[at + low + (i & 15)]!;
      let code = i < 16 ? pair & 15 : pair >> 4;
      if (hasHigh) code |= ((blocks[at + high + (i >> 3)]! >> (i & 7)) & 1) << 4;
      numbers[to + i] = hasSmallest ? fround(scale * code) + smallest : scale * (code - middle);
    }
  });
}

/** Eight scales and eight smallest numbers of six bits each, in twelve bytes. */
function sixBits(blocks: Uint8Array, at: number, group: number): readonly [scale: number, smallest: number] {
  const [a, b] = [blocks[at + (group & 3)]!, blocks[at + 4 + (group & 3)]!];
  if (group < 4) return [a & 63, b & 63];
  const c = blocks[at + 4 + group]!;
  return [(c & 15) | ((a >> 2) & 48), (c >> 4) | ((b >> 2) & 48)];
}

/** Blocks of 256 codes in eight groups; `hasHigh` = of five bits. */
function grouped(type: BlockType, hasHigh: boolean): Decoder {
  return blocksOf(type, (blocks, at, numbers, to) => {
    const [scale, smallest] = [half(blocks, at), half(blocks, at + 2)];
    const [high, low] = [at + 16, at + 16 + (hasHigh ? 32 : 0)];
    for (let group = 0; group < 8; group++) {
      const [scaleCode, smallestCode] = sixBits(blocks, at + 4, group);
      const [d, m] = [fround(scale * scaleCode), fround(smallest * smallestCode)];
      for (let i = 0; i < 32; i++) {
        const pair = blocks[low + (group >> 1) * 32 + i]!;
        let code = group & 1 ? pair >> 4 : pair & 15;
        if (hasHigh) code |= ((blocks[high + i]! >> group) & 1) << 4;
        numbers[to + group * 32 + i] = fround(d * code) - m;
      }
    }
  });
}

/** Codes of four low and two high bits, sixteen signed scales, one scale of those. */
const sixBitBlocks = blocksOf('Q6_K', (blocks, at, numbers, to) => {
  const scale = half(blocks, at + 208);
  for (let i = 0; i < 256; i++) {
    const [part, row, column] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = blocks[at + part * 64 + (row & 1) * 32 + column]!;
    const high = blocks[at + 128 + part * 32 + column]!;
    const code = (row & 2 ? low >> 4 : low & 15) | (((high >> (2 * row)) & 3) << 4);
    const own = (blocks[at + 192 + (i >> 4)]! << 24) >> 24;
    numbers[to + i] = fround(scale * own) * (code - 32);
  }
});

export const decoders: Readonly<Record<BlockType, Decoder>> = {
  F32: (blocks, numbers) => numbers.set(new Float32Array(aligned(blocks))),
  F16: (blocks, numbers) => upcastFloat16(new Uint16Array(aligned(blocks)), numbers),
  BF16: (blocks, numbers) => upcastBfloat16(new Uint16Array(aligned(blocks)), numbers),
  Q4_0: small('Q4_0', { hasSmallest: false, hasHigh: false }),
  Q4_1: small('Q4_1', { hasSmallest: true, hasHigh: false }),
  Q5_0: small('Q5_0', { hasSmallest: false, hasHigh: true }),
  Q5_1: small('Q5_1', { hasSmallest: true, hasHigh: true }),
  Q8_0: blocksOf('Q8_0', (blocks, at, numbers, to) => {
    const scale = half(blocks, at);
    for (let i = 0; i < 32; i++) numbers[to + i] = scale * ((blocks[at + 2 + i]! << 24) >> 24);
  }),
  Q4_K: grouped('Q4_K', false),
  Q5_K: grouped('Q5_K', true),
  Q6_K: sixBitBlocks,
};

const byId = new Map(
  (Object.keys(decoders) as BlockType[]).map((name) => [GGUF_TENSOR_TYPES[name].id as number, name]),
);

/** Names of formats that other programs write and that are not read here, for messages. */
const others: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

/** The format of a number in a file, or undefined. */
export const blockTypeOf = (id: number): BlockType | undefined => byId.get(id);

/** What people call the format of a number in a file. */
export const typeName = (id: number): string => byId.get(id) ?? others[id] ?? `type ${id}`;
