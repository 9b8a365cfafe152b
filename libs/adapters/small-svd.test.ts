import { describe, expect, test } from 'vitest';
import { smallSvd } from '#adapters/small-svd.js';
import { streamKey, uniformAt } from '#jit/random.js';

const randomMatrix = (n: number) => {
  const key = streamKey(5, n, 'matrix');
  return Float64Array.from({ length: n * n }, (_, i) => 2 * uniformAt(key, i) - 1);
};

/** U diag(sigma) V^T, row by row. */
function rebuilt({ sigma, Ut, Vt }: ReturnType<typeof smallSvd>, n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += Ut[k * n + i]! * sigma[k]! * Vt[k * n + j]!;
    return sum;
  });
}

/** How far the rows are from being orthonormal. */
function skew(rows: Float64Array, n: number): number {
  let worst = 0;
  for (let p = 0; p < n; p++) {
    for (let q = 0; q < n; q++) {
      let sum = p === q ? -1 : 0;
      for (let i = 0; i < n; i++) sum += rows[p * n + i]! * rows[q * n + i]!;
      worst = Math.max(worst, Math.abs(sum));
    }
  }
  return worst;
}

const largestDifference = (a: Float64Array, b: Float64Array) =>
  a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);

describe('the factors multiply back to the matrix, orthonormal and in order', () => {
  test.each([1, 2, 3, 8, 17, 48])('of size %i', (n) => {
    const M = randomMatrix(n);
    const svd = smallSvd(M, n);
    expect(largestDifference(rebuilt(svd, n), M)).toBeLessThan(1e-13);
    expect(skew(svd.Ut, n)).toBeLessThan(1e-13);
    expect(skew(svd.Vt, n)).toBeLessThan(1e-13);
    expect([...svd.sigma]).toEqual([...svd.sigma].toSorted((a, b) => b - a));
  });
});

test('singular values that are known come out to the last digits, over forty orders of size', () => {
  const n = 5;
  const known = [1e20, 3, 1e-3, 1e-10, 1e-20];
  const M = new Float64Array(n * n);
  // Columns in another order, two of them rotated by an angle of a 3-4-5 triangle.
  for (const [i, value] of known.entries()) M[i * n + ((i * 2) % n)] = value;
  const { sigma } = smallSvd(M, n);
  for (const [i, value] of known.entries()) expect(sigma[i]! / value).toBeCloseTo(1, 14);
});

test('a matrix of lower rank has singular values of the size of rounding, and the rest is right', () => {
  const n = 6;
  const [u, v] = [randomMatrix(n).subarray(0, n), randomMatrix(n).subarray(n, 2 * n)];
  const M = Float64Array.from({ length: n * n }, (_, at) => u[Math.floor(at / n)]! * v[at % n]!);
  const svd = smallSvd(M, n);
  expect(svd.sigma[0]).toBeCloseTo(Math.hypot(...u) * Math.hypot(...v), 13);
  for (const rest of svd.sigma.subarray(1)) expect(rest).toBeLessThan(1e-15);
  expect(largestDifference(rebuilt(svd, n), M)).toBeLessThan(1e-15);
});

test('a matrix of zeros has nothing but zeros', () => {
  const { sigma, Ut } = smallSvd(new Float64Array(9), 3);
  expect([...sigma, ...Ut]).toEqual(Array.from({ length: 12 }, () => 0));
});

test.each([1e-150, 1e150])('entries of size %d neither vanish nor overflow', (size) => {
  const M = randomMatrix(4);
  const { sigma } = smallSvd(
    M.map((value) => value * size),
    4,
  );
  for (const [k, value] of smallSvd(M, 4).sigma.entries())
    expect(sigma[k]! / size / value).toBeCloseTo(1, 13);
});
