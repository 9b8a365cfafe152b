/** The norms that an adapted weight has for each of its outputs, without making the weight. */
import { add, detached, matMul, mul, scalar, sqrt, sum, type Tensor, transpose } from '#jit/ops.js';

export interface NormParts {
  /** Sums of squares of W for each output: f32 [out]. */
  readonly squares: () => Tensor;
  /** A W^T: f32 [r, out]. */
  readonly products: () => Tensor;
  /** f32 [r, in], with `in` all numbers of W that belong to one output. */
  readonly A: Tensor;
  /** f32 [out, r] */
  readonly B: Tensor;
  readonly scale: number;
}

/**
 * |W + scale B A| for each output, f32 [out], as a constant: no gradient flows through it, as DoRA asks for
 * (arXiv 2402.09353, section 4.3).
 *
 * |w + s b A|^2 = |w|^2 + 2 s b A w + s^2 b (A A^T) b, which takes r products with W and no matrix of its size.
 */
export function outputNorms({ squares, products, A, B, scale }: NormParts): Tensor {
  return detached(() => {
    const mixed = sum(mul(transpose(B), products()), 0);
    const own = sum(mul(matMul(B, matMul(A, A, false, true)), B), 1);
    const change = add(mul(mixed, scalar(2 * scale)), mul(own, scalar(scale * scale)));
    return sqrt(add(squares(), change));
  });
}
