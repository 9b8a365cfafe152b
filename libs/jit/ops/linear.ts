/** The affine map of a layer whose weight lies as [out, in], and the lookup of rows of a table. */
import { add, cast, gather, matMul, oneHot, type Tensor, withGradient } from '#jit/ops.js';

/** `x W^T + b` for x [rows, in], W [out, in] and an optional b [out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = matMul(x, weight, false, true);
  return bias ? add(y, bias) : y;
}

/**
 * Rows of a table [entries, size] by their int32 numbers [rows].
 *
 * The gradient of the table is a product with one-hot rows: exact and without races, meant for small tables.
 */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  const [entries] = table.shape as [number, number];
  return withGradient(table, (table) => ({
    value: gather(table, ids),
    saved: [ids],
    gradient: (dy, [ids]) => matMul(cast(oneHot(ids!, entries), 'float32'), dy, true, false),
  }));
}
