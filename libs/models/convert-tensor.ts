/** A stored parameter in another number format, and with other numbers, made block by block. */
import { LowrankError } from '#base/errors.js';
import { sizeOf } from '#base/shapes.js';
import type { Storage } from '#jit/graph.js';
import type { StoredParameter } from '#models/model-folder.js';
import { roundToBfloat16, roundToFloat16 } from '#base/half-precision.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';
import type { TensorSource } from '#models/safetensors-write.js';
import { readTensorBytes } from '#models/safetensors.js';
import { readRows } from '#models/frozen-weights.js';

/** Changes rows of a matrix [rows, columns], or of a vector as one column, from `firstRow` on, in place. */
export type RowEdit = (rows: Float32Array, firstRow: number) => void;

const stored: Readonly<Record<Storage, FloatDtype>> = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' };
const elementBytes: Readonly<Record<FloatDtype, number>> = { F32: 4, BF16: 2, F16: 2 };
/** A megabyte of float32. */
const BLOCK_NUMBERS = 1 << 18;
/** From here on a number rounds to an infinite float16. */
const TOO_LARGE_FOR_FLOAT16 = 65_520;

/**
 * A stored parameter as it is written to another file. Without an edit and in the same format its bytes are copied.
 *
 * Its chunks reject with LowrankError `weight_not_finite` where a number is not finite or does not fit the format.
 */
export function convertTensor(parameter: StoredParameter, dtype: FloatDtype, edit?: RowEdit): TensorSource {
  const { name, shape } = parameter;
  const from = plainDtype(parameter);
  const columns = sizeOf(shape.slice(1));
  const rows = shape[0] ?? 1;
  const blockRows = Math.max(1, Math.floor(BLOCK_NUMBERS / columns));
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let first = 0; first < rows; first += blockRows) {
      const count = Math.min(blockRows, rows - first);
      if ('storage' in parameter && edit === undefined && from === dtype) {
        const width = columns * elementBytes[from];
        const place = { offset: parameter.offset + first * width, byteLength: count * width };
        yield await readTensorBytes(
          { path: parameter.file },
          { dtype: from, shape: [count * columns], ...place },
        );
        continue;
      }
      const block = await readRows(parameter, first, count);
      edit?.(block, first);
      checkRange(name, block, dtype, first * columns);
      yield bytesOf(block, dtype);
    }
  }
  return { dtype, shape, chunks };
}

/** The format in which all numbers of a parameter can stand one after another. */
export function plainDtype(parameter: StoredParameter): FloatDtype {
  return 'storage' in parameter ? stored[parameter.storage] : 'F32';
}

/** A stored parameter as it is, blocks of codes as the numbers that they stand for. */
export function copyTensor(parameter: StoredParameter): TensorSource {
  return convertTensor(parameter, plainDtype(parameter));
}

function bytesOf(block: Float32Array, dtype: FloatDtype): Uint8Array {
  const numbers = dtype === 'F32' ? block : dtype === 'BF16' ? roundToBfloat16(block) : roundToFloat16(block);
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

function checkRange(name: string, block: Float32Array, dtype: FloatDtype, offset: number): void {
  const limit = dtype === 'F16' ? TOO_LARGE_FOR_FLOAT16 : Infinity;
  for (let i = 0; i < block.length; i++) {
    const value = block[i]!;
    if (Math.abs(value) < limit) continue;
    const isTooLarge = Number.isFinite(value);
    throw new LowrankError(
      'weight_not_finite',
      isTooLarge
        ? `${name} holds ${value} at ${offset + i}, too large for float16: export as bf16 or f32`
        : `${name} holds ${value} at ${offset + i}: the model or an adapter is damaged`,
      { details: { tensor: name, index: offset + i, dtype } },
    );
  }
}
