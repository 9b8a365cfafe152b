/** The sigmoid linear unit by itself; where it gates something, `swiGlu` does both at once. */
import { add, div, exp, mul, neg, reciprocal, scalar, sub, type Tensor, withGradient } from '#jit/ops.js';

/**
 * x / (1 + exp(-x)), element by element. Its digits are those of exp: what norms enlarge afterwards needs more of them
 * than the sigmoid of ONNX Runtime has far below zero.
 */
export function silu(x: Tensor): Tensor {
  return withGradient(x, (x) => {
    const divisor = add(exp(neg(x)), scalar(1));
    const value = div(x, divisor);
    return {
      value,
      saved: [value, divisor],
      gradient: (dy, [y, divisor]) => {
        const share = reciprocal(divisor!);
        return mul(dy, add(share, mul(y!, sub(scalar(1), share))));
      },
    };
  });
}
