import { describe, expect, test } from 'vitest';
import { TallTriangle } from '#adapters/tall-triangle.js';
import { streamKey, uniformAt } from '#jit/random.js';

/** A matrix [rows, columns], column by column. */
function randomColumns(rows: number, columns: number): Float64Array {
  const key = streamKey(3, rows, 'columns');
  return Float64Array.from({ length: rows * columns }, (_, i) => 2 * uniformAt(key, i) - 1);
}

function triangleOf(matrix: Float64Array, rows: number, columns: number, blockRows: number): Float64Array {
  const triangle = new TallTriangle(columns);
  for (let start = 0; start < rows; start += blockRows) {
    const count = Math.min(blockRows, rows - start);
    const block = Float64Array.from({ length: columns * count }, (_, at) => {
      const [column, row] = [Math.floor(at / count), start + (at % count)];
      return matrix[column * rows + row]!;
    });
    triangle.absorb(block, count);
  }
  return triangle.values;
}

/** M^T M of columns, or R^T R of a triangle row by row: [columns, columns]. */
function squares(at: (row: number, column: number) => number, rows: number, columns: number): number[] {
  return Array.from({ length: columns * columns }, (_, i) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += at(row, Math.floor(i / columns)) * at(row, i % columns);
    return sum;
  });
}

describe('R^T R is M^T M', () => {
  test.each([
    ['of a tall matrix in one block', 200, 12, 200],
    ['of a tall matrix in uneven blocks', 200, 12, 33],
    ['of a tall matrix row by row', 50, 7, 1],
    ['of a matrix with fewer rows than columns', 5, 9, 5],
    ['of one column', 40, 1, 16],
  ])('%s', (_, rows, columns, blockRows) => {
    const M = randomColumns(rows, columns);
    const R = triangleOf(M, rows, columns, blockRows);
    const expected = squares((row, column) => M[column * rows + row]!, rows, columns);
    const actual = squares((row, column) => R[row * columns + column]!, columns, columns);
    for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 12);
    for (let row = 0; row < columns; row++) {
      for (let column = 0; column < row; column++) expect(R[row * columns + column]).toBe(0);
    }
  });
});

test('a column that follows from others leaves nothing on the diagonal, and zeros leave zeros', () => {
  const rows = 60;
  const M = randomColumns(rows, 4);
  for (let i = 0; i < rows; i++) M[3 * rows + i] = 2 * M[i]! - M[rows + i]!;
  M.fill(0, 2 * rows, 3 * rows);
  const R = triangleOf(M, rows, 4, 16);
  expect(Math.abs(R[15]!)).toBeLessThan(1e-14);
  expect([R[2], R[6], R[10]]).toEqual([0, 0, 0]);
});

test('columns of very different sizes keep their digits', () => {
  const rows = 80;
  const M = randomColumns(rows, 3);
  const scaled = M.map((value, at) => value * [1, 1e-20, 1e20][Math.floor(at / rows)]!);
  const [R, S] = [triangleOf(M, rows, 3, 32), triangleOf(scaled, rows, 3, 32)];
  for (const [row, column] of [
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 1],
    [1, 2],
    [2, 2],
  ] as const) {
    const at = row * 3 + column;
    expect(S[at]! / [1, 1e-20, 1e20][column]! / R[at]!).toBeCloseTo(1, 12);
  }
});
