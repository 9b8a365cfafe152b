/** The affine map of a layer whose weight lies as [out, in], and the lookup of rows of a table. */
import {
  add,
  cast,
  concat,
  equal,
  gather,
  matMul,
  oneHot,
  reshape,
  type Tensor,
  tensor,
  withGradient,
} from '#jit/ops.js';

/** `x W^T + b` for x [rows, in], W [out, in] and an optional b [out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = matMul(x, weight, false, true);
  return bias ? add(y, bias) : y;
}

/** Entries of a table whose one-hot rows are made at once. */
const chunkEntries = 4096;

/** Ones where a row's number is that of an entry, f32 [rows, count], for the entries from `first` on. */
function hits(ids: Tensor, first: number, count: number): Tensor {
  const entries = tensor(
    Int32Array.from({ length: count }, (_, i) => first + i),
    [1, count],
    'int32',
  );
  return cast(equal(reshape(ids, [-1, 1]), entries), 'float32');
}

/**
 * Rows of a table [entries, size] by their int32 numbers [rows].
 *
 * The gradient of the table is a product with one-hot rows, some entries at a time: exact and without races.
 */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  const [entries] = table.shape as [number, number];
  return withGradient(table, (table) => ({
    value: gather(table, ids),
    saved: [ids],
    gradient: (dy, [ids]) => {
      if (entries <= chunkEntries) {
        return matMul(cast(oneHot(ids!, entries), 'float32'), dy, true, false);
      }
      const chunks = Array.from({ length: Math.ceil(entries / chunkEntries) }, (_, i) => {
        const first = i * chunkEntries;
        return matMul(hits(ids!, first, Math.min(chunkEntries, entries - first)), dy, true, false);
      });
      return concat(chunks, 0);
    },
  }));
}
