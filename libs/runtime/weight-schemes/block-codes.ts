/**
 * The arithmetic of weights in blocks: along each row, `blockSize` weights share a float32 scale and a zero point, and a
 * weight is (code - zero) * scale. Codes and zero points are of 4 bits, the even one in the low half of a byte, or of 8.
 */
import { sizeOf, type Shape } from '#base/shapes.js';

export type CodeBits = 4 | 8;

export const blockSize = 32;

/** Whether rows can be stored so: in whole blocks, and with whole bytes of zero points. */
export function fillsBlocks(columns: number, bits: CodeBits): boolean {
  return columns % ((blockSize * 8) / bits) === 0;
}

export interface BlockCodes {
  readonly codes: Uint8Array;
  /** One for each block, as the zero points. */
  readonly scales: Float32Array;
  readonly zeros: Uint8Array;
}

/** Bytes of a matrix in blocks, part by part. */
export function rangeBytes(shape: Shape, bits: CodeBits): Readonly<Record<keyof BlockCodes, number>> {
  const blocks = sizeOf(shape) / blockSize;
  return { codes: (sizeOf(shape) * bits) / 8, scales: 4 * blocks, zeros: (blocks * bits) / 8 };
}

/** Bytes of a matrix in blocks. */
export function blockBytes(shape: Shape, bits: CodeBits): number {
  const { codes, scales, zeros } = rangeBytes(shape, bits);
  return codes + scales + zeros;
}

/** Shares of a block's range that codes may span: a large weight that is cut off can leave less error to the others. */
const spans: Readonly<Record<CodeBits, readonly number[]>> = { 4: [1, 0.9, 0.8], 8: [1] };

/** Rows of whole blocks as codes; of each block the span and the scale that leave the least error. */
export function blockCodesOf(weights: Float32Array, bits: CodeBits): BlockCodes {
  const blocks = weights.length / blockSize;
  const largest = 2 ** bits - 1;
  const scales = new Float32Array(blocks);
  const [codes, zeros] = [new Uint8Array(weights.length), new Uint8Array(blocks)];
  for (let block = 0; block < blocks; block++) {
    const first = block * blockSize;
    const end = first + blockSize;
    let [low, high] = [0, 0];
    for (let i = first; i < end; i++) {
      const weight = weights[i]!;
      if (weight < low) low = weight;
      if (weight > high) high = weight;
    }
    scales[block] = 1;
    let [best, perStep, middle] = [0, 0, 0];
    for (const span of spans[bits]) {
      const inverse = largest / ((high - low) * span);
      const zero = Math.round(-low * span * inverse);
      // Truncated, this is the nearest code.
      const offset = zero + 0.5;
      let [along, square] = [0, 0];
      for (let i = first; i < end; i++) {
        const weight = weights[i]!;
        let code = (weight * inverse + offset) | 0;
        code = code < 0 ? 0 : code > largest ? largest : code;
        const steps = code - zero;
        along += weight * steps;
        square += steps * steps;
      }
      // With the best scale the error is that of the weights less this.
      const explained = (along * along) / square;
      if (!(explained > best)) continue;
      [best, perStep, middle] = [explained, inverse, offset];
      scales[block] = along / square;
      zeros[block] = zero;
    }
    // A block of zeros has zeros for codes.
    for (let i = first; i < end; i++) {
      const code = (weights[i]! * perStep + middle) | 0;
      codes[i] = code < 0 ? 0 : code > largest ? largest : code;
    }
  }
  return bits === 8 ? { codes, scales, zeros } : { codes: packed(codes), scales, zeros: packed(zeros) };
}

function packed(halves: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(halves.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = halves[2 * i]! | (halves[2 * i + 1]! << 4);
  return bytes;
}

/** The weights that codes stand for. */
export function weightsOfBlocks({ codes, scales, zeros }: BlockCodes, bits: CodeBits): Float32Array {
  const at = (values: Uint8Array, i: number) =>
    bits === 8 ? values[i]! : (values[i >> 1]! >> (4 * (i & 1))) & 15;
  const weights = new Float32Array((codes.length * 8) / bits);
  for (let block = 0; block < scales.length; block++) {
    const [scale, zero] = [scales[block]!, at(zeros, block)];
    for (let i = block * blockSize; i < (block + 1) * blockSize; i++) {
      weights[i] = (at(codes, i) - zero) * scale;
    }
  }
  return weights;
}
