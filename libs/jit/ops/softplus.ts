/** The smooth form of max(x, 0). */
import {
  abs,
  add,
  div,
  equal,
  exp,
  log,
  maximum,
  mul,
  neg,
  onesLike,
  scalar,
  sigmoid,
  sub,
  type Tensor,
  where,
  withGradient,
} from '#jit/ops.js';

/** log(1 + u) to all digits of a small u, whose rounding in 1 + u is taken back (Goldberg 1991, theorem 4). */
function log1p(u: Tensor): Tensor {
  const one = add(u, scalar(1));
  const rounded = sub(one, scalar(1));
  const isLost = equal(rounded, scalar(0));
  return where(isLost, u, mul(u, div(log(one), where(isLost, onesLike(u), rounded))));
}

/** log(1 + exp(x)), element by element. */
export function softplus(x: Tensor): Tensor {
  return withGradient(x, (x) => ({
    value: add(maximum(x, scalar(0)), log1p(exp(neg(abs(x))))),
    saved: [x],
    gradient: (dy, [x]) => mul(dy, sigmoid(x!)),
  }));
}
