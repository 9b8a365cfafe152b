const MAX_TURNS = 60;

/**
 * Turns the diagonal of a symmetric tridiagonal matrix into its eigenvalues, unsorted, by implicit QL steps with
 * Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3).
 *
 * `diagonal` f64 [n] and `beside` f64 [n], whose last number is not read, are overwritten. `rows` f64 [n, width] are turned
 * along: with the identity they become the eigenvectors, row by row; with a column of it, one component of each.
 */
export function tridiagonalEigenvalues(
  diagonal: Float64Array,
  beside: Float64Array,
  rows: Float64Array,
): void {
  const n = diagonal.length;
  const width = rows.length / n;
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(diagonal[i]!), Math.abs(beside[i]!));
  beside[n - 1] = 0;
  const nothing = 2 ** -60 * largest;
  const isSplit = (i: number) =>
    Math.abs(beside[i]!) <=
    Math.max(nothing, 2 ** -53 * (Math.abs(diagonal[i]!) + Math.abs(diagonal[i + 1]!)));
  for (let low = 0; low < n; low++) {
    for (let turn = 0; ; turn++) {
      let high = low;
      while (high < n - 1 && !isSplit(high)) high++;
      if (high === low) break;
      if (turn === MAX_TURNS) throw new Error(`the eigenvalues of a ${n} x ${n} matrix did not converge`);
      turnOnce(diagonal, beside, rows, low, high, width);
    }
  }
}

function turnOnce(
  d: Float64Array,
  e: Float64Array,
  rows: Float64Array,
  low: number,
  high: number,
  width: number,
): void {
  const half = (d[low + 1]! - d[low]!) / (2 * e[low]!);
  const root = Math.sqrt(half * half + 1);
  let g = d[high]! - d[low]! + e[low]! / (half + (half >= 0 ? root : -root));
  let [sine, cosine, moved] = [1, 1, 0];
  for (let i = high - 1; i >= low; i--) {
    const [f, b] = [sine * e[i]!, cosine * e[i]!];
    const length = Math.sqrt(f * f + g * g);
    e[i + 1] = length;
    if (length === 0) {
      d[i + 1] = d[i + 1]! - moved;
      e[high] = 0;
      return;
    }
    sine = f / length;
    cosine = g / length;
    g = d[i + 1]! - moved;
    const turned = (d[i]! - g) * sine + 2 * cosine * b;
    moved = sine * turned;
    d[i + 1] = g + moved;
    g = cosine * turned - b;
    const [at, to] = [i * width, (i + 1) * width];
    for (let k = 0; k < width; k++) {
      const [x, y] = [rows[at + k]!, rows[to + k]!];
      rows[to + k] = sine * x + cosine * y;
      rows[at + k] = cosine * x - sine * y;
    }
  }
  d[low] = d[low]! - moved;
  e[low] = g;
  e[high] = 0;
}
