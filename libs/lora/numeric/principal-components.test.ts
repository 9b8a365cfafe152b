import { describe, expect, test } from 'vitest';
import { normalAt, streamKey, uniformAt } from '#jit/random.js';
import { dot, type Matrix, transposed, transposedTimes, times } from '#lora/numeric/matrix-products.js';
import {
  type PrincipalComponents,
  principalComponents,
  roughComponents,
} from '#lora/numeric/principal-components.js';
import { thinQr } from '#lora/numeric/thin-qr.js';

const key = streamKey(1, 0, 'start');
const uniform = (index: number) => uniformAt(key, index);

function randomVectors(count: number, length: number, site: string): Float64Array[] {
  const stream = streamKey(7, 0, site);
  return Array.from({ length: count }, (_, k) =>
    Float64Array.from({ length }, (__, i) => normalAt(stream, k * length + i)),
  );
}

/** A matrix with the given singular values. */
function withValues(sigma: readonly number[], rows: number, columns: number): Matrix {
  const [U, V] = [rows, columns].map((n) => thinQr(randomVectors(sigma.length, n, `${n}`)).Q);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      values[i * columns + j] = sigma.reduce((sum, value, k) => sum + value * U![k]![i]! * V![k]![j]!, 0);
    }
  }
  return { values, rows, columns };
}

/** How far M V = U diag(sigma), M^T U = V diag(sigma) and orthonormality are missed. */
function misses(M: Matrix, { sigma, U, V }: PrincipalComponents): number {
  let worst = 0;
  const off = (x: Float64Array, y: Float64Array, factor: number) =>
    x.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - factor * y[i]!))));
  sigma.forEach((value, k) => {
    if (value === 0) return;
    off(times(M, V[k]!), U[k]!, value);
    off(transposedTimes(M, U[k]!), V[k]!, value);
    for (let j = 0; j <= k; j++) {
      const expected = j === k ? 1 : 0;
      worst = Math.max(worst, Math.abs(dot(U[j]!, U[k]!) - expected), Math.abs(dot(V[j]!, V[k]!) - expected));
    }
  });
  return worst;
}

describe('principal components', () => {
  test.each([
    ['square', 20, 20],
    ['tall', 40, 12],
    ['wide', 12, 40],
  ])('of a %s matrix have its singular values and vectors', async (_, rows, columns) => {
    const given = Array.from({ length: 12 }, (__, k) => 3 / (k + 1));
    const M = withValues(given, rows, columns);
    for (const count of [1, 4, 12]) {
      const found = await principalComponents(M, count, { uniform });
      expect(found.sigma).toHaveLength(count);
      found.sigma.forEach((value, k) => expect(value).toBeCloseTo(given[k]!, 5));
      expect(misses(M, found)).toBeLessThan(1e-6);
    }
  });

  test('of a large matrix are found long before its smaller side', async () => {
    const given = [9, 8, 7, 6, 5, ...Array.from({ length: 195 }, (_, k) => 1 - k / 400)];
    let pauses = 0;
    const pause = () => {
      pauses++;
      return Promise.resolve();
    };
    const found = await principalComponents(withValues(given, 300, 200), 5, { uniform, pause });
    found.sigma.forEach((value, k) => expect(value).toBeCloseTo(given[k]!, 4));
    expect(pauses).toBeLessThan(60);
  });

  test.each([
    ['equal values', [2, 2, 2, 1, 1, 1, 1, 1, 0.5, 0.5], 3, [2, 2, 2]],
    ['fewer values than asked for', [2, 1], 4, [2, 1, 0, 0]],
    ['no values', [0], 2, [0, 0]],
  ])('with %s', async (_, given, count, expected) => {
    const M = withValues(given, 16, 14);
    const found = await principalComponents(M, count, { uniform });
    found.sigma.forEach((value, k) => expect(value).toBeCloseTo(expected[k]!, 5));
    expect(misses(M, found)).toBeLessThan(1e-5);
  });

  test('of the identity are any orthonormal vectors', async () => {
    const values = Float32Array.from({ length: 81 }, (_, i) => (i % 10 === 0 ? 1 : 0));
    const M = { values, rows: 9, columns: 9 };
    const found = await principalComponents(M, 3, { uniform });
    expect(misses(M, found)).toBeLessThan(1e-12);
    found.sigma.forEach((value) => expect(value).toBeCloseTo(1, 12));
  });

  test('are the same bits again, and end with what a pause throws', async () => {
    const M = withValues([3, 2, 1], 9, 7);
    const [first, second] = [
      await principalComponents(M, 2, { uniform }),
      await principalComponents(M, 2, { uniform }),
    ];
    expect(second).toEqual(first);
    const pause = () => Promise.reject(new Error('enough'));
    await expect(principalComponents(M, 2, { uniform, pause })).rejects.toThrow('enough');
  });
});

test.each([
  [40, 30],
  [30, 40],
])('rough components of a %i x %i matrix come nearer with every iteration', async (rows, columns) => {
  const given = Array.from({ length: 20 }, (_, k) => 0.8 ** k);
  const M = withValues(given, rows, columns);
  const errors: number[] = [];
  for (const iterations of [0, 2, 16]) {
    const { sigma, U, V } = await roughComponents(M, 4, iterations, { uniform });
    errors.push(Math.max(...[...sigma].map((value, k) => Math.abs(value - given[k]!))));
    expect(Math.abs(dot(U[0]!, U[1]!)) + Math.abs(dot(V[0]!, V[3]!))).toBeLessThan(1e-6);
  }
  expect(errors[1]).toBeLessThan(errors[0]!);
  expect(errors[2]).toBeLessThan(1e-4);
});

test('a reduced QR decomposition is orthonormal, triangular and the matrix again, of any rank', () => {
  const columns = randomVectors(4, 9, 'qr');
  for (const matrix of [
    columns,
    [columns[0]!, columns[0]!, columns[1]!],
    [new Float64Array(3), new Float64Array(3)],
  ]) {
    const { Q, R } = thinQr(matrix);
    const n = matrix.length;
    matrix.forEach((column, j) => {
      column.forEach((value, i) => {
        const again = Q.reduce((sum, q, k) => sum + q[i]! * R[k * n + j]!, 0);
        expect(again).toBeCloseTo(value, 12);
      });
      for (let k = 0; k < n; k++) {
        expect(dot(Q[j]!, Q[k]!)).toBeCloseTo(j === k ? 1 : 0, 12);
        expect(k > j ? R[k * n + j] : 0).toBe(0);
      }
    });
  }
});

test('a matrix transposed twice is itself', () => {
  const M = withValues([2, 1], 5, 3);
  expect(transposed(transposed(M))).toEqual(M);
  expect(transposedTimes(M, new Float64Array(5).fill(1))).toEqual(
    times(transposed(M), new Float64Array(5).fill(1)),
  );
});
