/**
 * The triangle R of the QR decomposition of a tall matrix that is handed over in blocks of rows.
 *
 * Householder reflections, each of which turns one column of a block into the diagonal of the triangle so far (Golub and
 * Van Loan, Matrix Computations, 5.2; Demmel et al. 2012 for blocks of rows). Q is never made: memory is one block and
 * the triangle, and for R = Q^T M it holds that M D = Q (R D) for every diagonal D.
 */
export class TallTriangle {
  /** R row by row: f64 [columns, columns], zero below the diagonal. */
  readonly values: Float64Array;

  constructor(readonly columns: number) {
    this.values = new Float64Array(columns * columns);
  }

  /** Takes `rows` more rows of the matrix, one column after the other: f64 [columns, rows], which is overwritten. */
  absorb(block: Float64Array, rows: number): void {
    const { columns, values } = this;
    for (let j = 0; j < columns; j++) {
      const x = block.subarray(j * rows, (j + 1) * rows);
      const below = dot(x, x, rows);
      if (below === 0) continue;
      const diagonal = values[j * columns + j]!;
      const length = Math.sqrt(diagonal * diagonal + below);
      // The sign that adds, for the difference of two like numbers would lose digits.
      const reflected = diagonal >= 0 ? -length : length;
      const head = diagonal - reflected;
      for (let i = 0; i < rows; i++) x[i] = x[i]! / head;
      values[j * columns + j] = reflected;
      const factor = -head / reflected;
      for (let k = j + 1; k < columns; k++) {
        const y = block.subarray(k * rows, (k + 1) * rows);
        const step = factor * (values[j * columns + k]! + dot(x, y, rows));
        values[j * columns + k] = values[j * columns + k]! - step;
        for (let i = 0; i < rows; i++) y[i] = y[i]! - step * x[i]!;
      }
    }
  }
}

/** In four sums, because one alone waits for itself. */
function dot(x: Float64Array, y: Float64Array, length: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < length; i += 4) {
    a += x[i]! * y[i]!;
    b += x[i + 1]! * y[i + 1]!;
    c += x[i + 2]! * y[i + 2]!;
    d += x[i + 3]! * y[i + 3]!;
  }
  for (; i < length; i++) a += x[i]! * y[i]!;
  return a + b + (c + d);
}
