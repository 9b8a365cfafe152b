/** One entry of every row of a matrix. */
import type { Attributes } from '#jit/graph.js';
import { callKernel, defineKernel } from '#jit/kernel.js';
import { cast, mul, oneHot, sum, type Tensor } from '#jit/ops.js';

export const pickColumnKernel = defineKernel<Attributes>({
  name: 'PickColumn',
  inputs: ['x', 'column'],
  infer: ([x, column]) => [{ shape: column!.shape, dtype: x!.dtype }],
  eager: ([x, column]) => [
    sum(mul(x!, cast(oneHot(cast(column!, 'int32') as never, x!.shape[1]!), 'float32')), 1),
  ],
});

/** Of every row of x [rows, columns] the entry in the column that `column` [rows] names. */
export function pickColumn(x: Tensor, column: Tensor): Tensor {
  return callKernel(pickColumnKernel, [x, column], {})[0]!;
}
