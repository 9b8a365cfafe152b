/** A matrix, row by row. */
export interface Matrix {
  /** f32 [rows, columns] */
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** y = M x, summed in float64; four sums, because one alone waits for itself. */
export function times({ values, rows, columns }: Matrix, x: Float64Array): Float64Array {
  const y = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let [a, b, c, d] = [0, 0, 0, 0];
    const at = i * columns;
    let j = 0;
    for (; j + 3 < columns; j += 4) {
      a += values[at + j]! * x[j]!;
      b += values[at + j + 1]! * x[j + 1]!;
      c += values[at + j + 2]! * x[j + 2]!;
      d += values[at + j + 3]! * x[j + 3]!;
    }
    for (; j < columns; j++) a += values[at + j]! * x[j]!;
    y[i] = a + b + (c + d);
  }
  return y;
}

/** y = M^T x, summed in float64; four rows at a time, so that y is written a quarter as often. */
export function transposedTimes({ values, rows, columns }: Matrix, x: Float64Array): Float64Array {
  const y = new Float64Array(columns);
  let i = 0;
  for (; i + 3 < rows; i += 4) {
    const [a, b, c, d] = [x[i]!, x[i + 1]!, x[i + 2]!, x[i + 3]!];
    const at = i * columns;
    const [second, third, fourth] = [at + columns, at + 2 * columns, at + 3 * columns];
    for (let j = 0; j < columns; j++) {
      y[j] =
        y[j]! +
        (a * values[at + j]! + b * values[second + j]! + (c * values[third + j]! + d * values[fourth + j]!));
    }
  }
  for (; i < rows; i++) {
    const at = i * columns;
    for (let j = 0; j < columns; j++) y[j] = y[j]! + x[i]! * values[at + j]!;
  }
  return y;
}

export function transposed({ values, rows, columns }: Matrix): Matrix {
  const turned = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j]!;
  }
  return { values: turned, rows: columns, columns: rows };
}

/** x . y */
export function dot(x: Float64Array, y: Float64Array): number {
  let [a, b] = [0, 0];
  let i = 0;
  for (; i + 1 < x.length; i += 2) {
    a += x[i]! * y[i]!;
    b += x[i + 1]! * y[i + 1]!;
  }
  return i < x.length ? a + b + x[i]! * y[i]! : a + b;
}

/** x += factor * y */
export function addScaled(x: Float64Array, y: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i] = x[i]! + factor * y[i]!;
}
