/** A selection of rows whose gradient is a selection too. */
import { gather, type Tensor, withGradient } from '#jit/ops.js';

/**
 * Rows of x [rows, size] by `picked` int32 [count], every row at most once among those that matter.
 *
 * `slots` int32 [rows] is the way back: the place of each row in the selection, or for a row that is not in it a
 * place whose gradient is zero. So the gradient needs no scattering.
 */
export function gatherRows(x: Tensor, picked: Tensor, slots: Tensor): Tensor {
  return withGradient(x, (x) => ({
    value: gather(x, picked),
    saved: [slots],
    gradient: (dy, [slots]) => gather(dy, slots!),
  }));
}
