/** Many small trainable tensors laid end to end in one vector, so that an optimizer is a few operations on it. */
import { sizeOf } from '#jit/graph.js';
import { concat, reshape, split, type Tensor } from '#jit/ops.js';
import type { FlatLayout } from '#nn/flat-layout.js';

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
