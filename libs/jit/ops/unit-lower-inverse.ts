/** The inverse of a triangular matrix with ones on its diagonal. */
import { matMul, mul, neg, sub, type Tensor, tensor, withGradient } from '#jit/ops.js';

/** f32 [size, size]: 1 at the places that `has` tells, else 0. */
function places(size: number, has: (row: number, column: number) => boolean): Tensor {
  const entries = Float32Array.from({ length: size * size }, (_, i) =>
    Number(has(Math.floor(i / size), i % size)),
  );
  return tensor(entries, [size, size]);
}

/** Blocks of a size below the diagonal, each with the block on the diagonal to its right: row block odd, column even. */
function belowDiagonal(size: number, block: number): Tensor {
  const blockOf = (i: number) => Math.floor(i / block);
  return places(size, (row, column) => blockOf(row) % 2 === 1 && blockOf(column) === blockOf(row) - 1);
}

/** From inverses of blocks on the diagonal to those of blocks twice as large, until there is one. */
function invert(A: Tensor): Tensor {
  const size = A.shape.at(-1)!;
  const diagonal = places(size, (row, column) => row === column);
  let X = sub(diagonal, mul(A, belowDiagonal(size, 1)));
  for (let block = 2; block < size; block *= 2) {
    X = sub(X, matMul(matMul(X, mul(A, belowDiagonal(size, block))), X));
  }
  return X;
}

/**
 * (I + strictly lower part of A)^-1 for matrices A [count, size, size], whose size is a power of two from 2 on. What A
 * holds on and above its diagonal is not looked at.
 *
 * With X made of the inverses of diagonal blocks and C of the blocks between two of them, the inverse of the two
 * together is X - X C X: log2(size) steps of products, each as exact as substitution (Higham, Accuracy and Stability of
 * Numerical Algorithms, 2002, section 14.2). The gradient is -X^T dX X^T.
 */
export function unitLowerInverse(A: Tensor): Tensor {
  return withGradient(A, (A) => {
    const inverse = invert(A);
    return {
      value: inverse,
      saved: [inverse],
      gradient: (dX, [X]) => {
        const size = X!.shape.at(-1)!;
        const full = neg(matMul(matMul(X!, dX, true, false), X!, false, true));
        return mul(
          full,
          places(size, (row, column) => row > column),
        );
      },
    };
  });
}
