/** Many small trainable tensors laid end to end in one vector, so that an optimizer is a few operations on it. */
import { sizeOf } from '#base/shapes.js';
import { concat, reshape, split, type Tensor } from '#jit/ops.js';

/** One tensor's place in the vector. */
export interface FlatEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** The places of tensors in a vector of `size` numbers. */
export interface FlatLayout {
  readonly entries: readonly FlatEntry[];
  readonly size: number;
}

/** Lays tensors out in the given order. */
export function layOut(
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
): FlatLayout {
  let offset = 0;
  const entries = tensors.map(({ name, shape }) => {
    const entry = { name, shape, offset };
    offset += sizeOf(shape);
    return entry;
  });
  return { entries, size: offset };
}

/** A view of one tensor's numbers in a vector. */
export function viewOf(flat: Float32Array, { shape, offset }: FlatEntry): Float32Array {
  return flat.subarray(offset, offset + sizeOf(shape));
}

/** The tensors of a vector, in the layout's order. */
export function splitFlat(flat: Tensor, { entries }: FlatLayout): Tensor[] {
  const parts =
    entries.length === 1
      ? [flat]
      : split(
          flat,
          entries.map(({ shape }) => sizeOf(shape)),
        );
  return parts.map((part, i) => reshape(part, [...entries[i]!.shape]));
}

/** The vector of tensors given in the layout's order. */
export function joinFlat(tensors: readonly Tensor[]): Tensor {
  return concat(tensors.map((tensor) => reshape(tensor, [-1])));
}
