/** M = U diag(sigma) V^T of a square matrix, all row by row. */
export interface SmallSvd {
  /** Descending: f64 [n]. */
  readonly sigma: Float64Array;
  /** Left singular vectors as rows: f64 [n, n]; a row of zeros where sigma is zero. */
  readonly Ut: Float64Array;
  /** Right singular vectors as rows: f64 [n, n]. */
  readonly Vt: Float64Array;
}

const MAX_SWEEPS = 60;
/** Squares below this are no numbers to divide by; the matrix is scaled to a largest entry of 1 before. */
const NOTHING = 1e-280;

/**
 * The singular value decomposition of a small matrix [n, n] by one-sided Jacobi rotations: the columns are rotated
 * against each other until they are orthogonal.
 *
 * Slower than bidiagonalisation and more exact: every singular value has nearly full relative precision if the columns
 * differ in size alone (Demmel and Veselic 1992). Same input, same bits on every machine: only +, -, *, / and sqrt.
 */
export function smallSvd(matrix: Float64Array, n: number): SmallSvd {
  let largest = 0;
  for (const value of matrix) largest = Math.max(largest, Math.abs(value));
  const G = new Float64Array(n * n);
  const W = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    W[j * n + j] = 1;
    if (largest === 0) continue;
    for (let i = 0; i < n; i++) G[j * n + i] = matrix[i * n + j]! / largest;
  }
  rotateUntilOrthogonal(G, W, n);

  const lengths = Array.from({ length: n }, (_, j) => Math.sqrt(product(G, j, j, n)));
  const order = lengths.map((_, j) => j).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const sigma = new Float64Array(n);
  const Ut = new Float64Array(n * n);
  const Vt = new Float64Array(n * n);
  for (const [to, from] of order.entries()) {
    const length = lengths[from]!;
    sigma[to] = length * largest;
    Vt.set(W.subarray(from * n, (from + 1) * n), to * n);
    if (length === 0) continue;
    for (let i = 0; i < n; i++) Ut[to * n + i] = G[from * n + i]! / length;
  }
  return { sigma, Ut, Vt };
}

/** Turns the rows of G, which are columns of the matrix, and with them those of W. */
function rotateUntilOrthogonal(G: Float64Array, W: Float64Array, n: number): void {
  const tolerance = 2 ** -52 * Math.sqrt(n);
  const squares = new Float64Array(n);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    for (let j = 0; j < n; j++) squares[j] = product(G, j, j, n);
    let isDone = true;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const [pp, qq] = [squares[p]!, squares[q]!];
        if (pp < NOTHING || qq < NOTHING) continue;
        const pq = product(G, p, q, n);
        if (Math.abs(pq) <= tolerance * Math.sqrt(pp) * Math.sqrt(qq)) continue;
        isDone = false;
        const zeta = (qq - pp) / (2 * pq);
        const tangent = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const cosine = 1 / Math.sqrt(1 + tangent * tangent);
        const sine = cosine * tangent;
        rotate(G, p, q, n, cosine, sine);
        rotate(W, p, q, n, cosine, sine);
        squares[p] = pp - tangent * pq;
        squares[q] = qq + tangent * pq;
      }
    }
    if (isDone) return;
  }
  throw new Error(`the rotations of a ${n} x ${n} matrix did not come to an end`);
}

function product(G: Float64Array, p: number, q: number, n: number): number {
  let [even, odd] = [0, 0];
  const [at, to] = [p * n, q * n];
  let i = 0;
  for (; i + 1 < n; i += 2) {
    even += G[at + i]! * G[to + i]!;
    odd += G[at + i + 1]! * G[to + i + 1]!;
  }
  return i < n ? even + odd + G[at + i]! * G[to + i]! : even + odd;
}

function rotate(G: Float64Array, p: number, q: number, n: number, cosine: number, sine: number): void {
  const [at, to] = [p * n, q * n];
  for (let i = 0; i < n; i++) {
    const [x, y] = [G[at + i]!, G[to + i]!];
    G[at + i] = cosine * x - sine * y;
    G[to + i] = sine * x + cosine * y;
  }
}
