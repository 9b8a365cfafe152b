/** M = Q R of a tall matrix; both column by column. */
export interface ThinQr {
  /** Orthonormal columns: `columns` vectors f64 [rows]. */
  readonly Q: readonly Float64Array[];
  /** Upper triangle, row by row: f64 [columns, columns]. */
  readonly R: Float64Array;
}

/**
 * The reduced QR decomposition of a matrix with at least as many rows as columns, given as its columns, by Householder
 * reflections (Golub and Van Loan, Matrix Computations, 5.2). The signs are those of LAPACK. Q is orthonormal whatever
 * the rank is. Same input, same bits on every machine: only +, -, *, / and sqrt.
 */
export function thinQr(matrix: readonly Float64Array[]): ThinQr {
  const columns = matrix.map((column) => column.slice());
  const n = columns.length;
  const R = new Float64Array(n * n);
  const reflections = columns.map((x, j) => {
    const reflection = reflectionOf(x, j);
    if (reflection) for (let k = j + 1; k < n; k++) reflect(columns[k]!, reflection, j);
    R[j * n + j] = reflection ? reflection.head : x[j]!;
    for (let k = j + 1; k < n; k++) R[j * n + k] = columns[k]![j]!;
    return reflection;
  });
  const Q = columns.map((column, j) => {
    const q = new Float64Array(column.length);
    q[j] = 1;
    // Later reflections leave this unit vector as it is.
    for (let k = j; k >= 0; k--) if (reflections[k]) reflect(q, reflections[k]!, k);
    return q;
  });
  return { Q, R };
}

/** I - factor * v v^T, which turns the vector it was made from into (.., head, 0, .., 0). */
interface Reflection {
  readonly v: Float64Array;
  readonly factor: number;
  readonly head: number;
}

function reflectionOf(x: Float64Array, from: number): Reflection | undefined {
  const below = dot(x, x, from + 1);
  if (below === 0) return undefined;
  const length = Math.sqrt(x[from]! * x[from]! + below);
  // The sign that adds, for the difference of two like numbers would lose digits.
  const head = x[from]! >= 0 ? -length : length;
  const v = x.slice();
  v[from] = x[from]! - head;
  return { v, factor: 2 / (v[from] * v[from] + below), head };
}

function reflect(y: Float64Array, { v, factor }: Reflection, from: number): void {
  const step = factor * dot(v, y, from);
  for (let i = from; i < y.length; i++) y[i] = y[i]! - step * v[i]!;
}

function dot(x: Float64Array, y: Float64Array, from: number): number {
  let sum = 0;
  for (let i = from; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}
