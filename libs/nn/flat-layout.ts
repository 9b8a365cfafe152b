/** Where many small tensors lie in one vector; plain numbers, no tensors. */
import { sizeOf } from '#jit/graph.js';

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
