/** The largest singular values of a matrix with their vectors: M = U diag(sigma) V^T, as far as they go. */
import { addScaled, dot, type Matrix, times, transposedTimes } from '#lora/numeric/matrix-products.js';
import { thinQr } from '#lora/numeric/thin-qr.js';
import { tridiagonalEigenvalues } from '#lora/numeric/tridiagonal.js';

export interface PrincipalComponents {
  /** Descending: f64 [count]. */
  readonly sigma: Float64Array;
  /** Left singular vectors: `count` vectors f64 [rows]. */
  readonly U: readonly Float64Array[];
  /** Right singular vectors: `count` vectors f64 [columns]. */
  readonly V: readonly Float64Array[];
}

export interface SearchOptions {
  /** Numbers in [0, 1), for the vectors that the search starts from. */
  readonly uniform: (index: number) => number;
  /** Called between two products with the matrix; what it throws ends the search. */
  readonly pause?: () => Promise<void>;
}

/** Residual of a singular vector over the largest singular value at which it counts as found. */
const TOLERANCE = 1e-7;
/** A length this small against the matrix is rounding. */
const NOTHING = 2 ** -45;
/** Steps between two looks at what has been found. */
const LOOK_EVERY = 8;
/** Steps of a search; where singular values hardly differ, what is found then is nearly as good as what was looked for. */
const MOST_STEPS = 1000;

/**
 * The `count` largest singular values of a matrix; `count` is at most its smaller side.
 *
 * Golub-Kahan-Lanczos bidiagonalisation with full reorthogonalisation (Golub and Van Loan, Matrix Computations, 10.4): M
 * is only multiplied with vectors, 2 products a step. It ends where all residuals are below 1e-7 of the largest value, at
 * the smaller side, where nothing is left to find, or after 1,000 steps (20 for each value, where that is more).
 * Same input, same bits on every machine: only +, -, *, / and sqrt.
 */
export async function principalComponents(
  M: Matrix,
  count: number,
  options: SearchOptions,
): Promise<PrincipalComponents> {
  const limit = Math.min(M.rows, M.columns, Math.max(MOST_STEPS, 20 * count));
  const search = new Bidiagonalisation(M, options);
  while (search.steps < limit) {
    search.advance();
    await options.pause?.();
    const isDue = search.steps >= count && search.steps % LOOK_EVERY === 0;
    if (isDue && search.hasFound(count)) break;
  }
  return search.components(count);
}

/**
 * M V = U B and M^T U = V B^T + beta v e^T, with B upper bidiagonal of `alpha` and `beta`. Of a wide matrix it is the
 * transpose that is meant, so that nothing is left over where V is complete.
 */
class Bidiagonalisation {
  private readonly U: Float64Array[] = [];
  private readonly V: Float64Array[] = [];
  private readonly alpha: number[] = [];
  private readonly beta: number[] = [];
  private next: Float64Array;
  private drawn = 0;
  private size = 0;
  /** First step after the last vector that nothing before led to. */
  private chain = 0;

  private readonly isWide: boolean;

  constructor(
    private readonly M: Matrix,
    private readonly options: SearchOptions,
  ) {
    this.isWide = M.rows < M.columns;
    this.next = this.draw(this.V, Math.min(M.rows, M.columns));
  }

  get steps(): number {
    return this.U.length;
  }

  advance(): void {
    const { M, U, V, alpha, beta, isWide } = this;
    V.push(this.next);
    alpha.push(this.append((isWide ? transposedTimes : times)(M, this.next), U));
    if (V.length === this.next.length) {
      beta.push(0);
      return;
    }
    const v = (isWide ? times : transposedTimes)(M, U.at(-1)!);
    const found = this.normalised(v, V);
    beta.push(found ? found.length : 0);
    if (!found) this.chain = U.length;
    this.next = found?.vector ?? this.draw(V, v.length);
  }

  /** Whether nothing that is still to come would change the `count` largest. */
  hasFound(count: number): boolean {
    const all = this.ritz(0);
    if (all.order.slice(0, count).some((i) => !all.isFound(i))) return false;
    // A space that M leaves in itself says nothing of the rest; the search in the rest does by its largest value.
    if (this.chain === 0) return true;
    if (this.chain === this.steps) return false;
    const rest = this.ritz(this.chain);
    return rest.isFound(rest.order[0]!);
  }

  components(count: number): PrincipalComponents {
    const n = this.steps;
    const { diagonal, beside } = this.squared(0);
    const P = new Float64Array(n * n);
    for (let i = 0; i < n; i++) P[i * n + i] = 1;
    tridiagonalEigenvalues(diagonal, beside, P);
    const order = descending(diagonal).slice(0, count);
    const largest = Math.sqrt(Math.max(0, diagonal[order[0]!]!));
    const sigma = order.map((i) => Math.sqrt(Math.max(0, diagonal[i]!)));
    const left = order.map((i) => P.subarray(i * n, (i + 1) * n));
    const right = left.map((p, i) => {
      const q = new Float64Array(n);
      // Below this a value is rounding, and so would be its vector.
      if (sigma[i]! <= NOTHING * largest) return q;
      for (let j = 0; j < n; j++) {
        q[j] = (this.alpha[j]! * p[j]! + (j > 0 ? this.beta[j - 1]! * p[j - 1]! : 0)) / sigma[i]!;
      }
      return q;
    });
    const found = {
      sigma: Float64Array.from(sigma, (value) => (value <= NOTHING * largest ? 0 : value)),
      U: left.map((p) => combined(p, this.U)),
      V: right.map((q) => combined(q, this.V)),
    };
    return this.isWide ? { ...found, U: found.V, V: found.U } : found;
  }

  /** B B^T of the steps from one on. */
  private squared(from: number): { diagonal: Float64Array; beside: Float64Array } {
    const { alpha, beta } = this;
    const n = this.steps - from;
    // The last beta leads out of the space: it is a residual.
    const step = (i: number) => (i < this.steps - 1 ? beta[i]! : 0);
    return {
      diagonal: Float64Array.from({ length: n }, (_, i) => alpha[from + i]! ** 2 + step(from + i) ** 2),
      beside: Float64Array.from({ length: n }, (_, i) => step(from + i) * (alpha[from + i + 1] ?? 0)),
    };
  }

  private ritz(from: number): { order: number[]; isFound: (i: number) => boolean } {
    const { diagonal, beside } = this.squared(from);
    const last = new Float64Array(diagonal.length);
    last[last.length - 1] = 1;
    tridiagonalEigenvalues(diagonal, beside, last);
    const isFound = (i: number) => Math.abs(this.beta.at(-1)! * last[i]!) <= TOLERANCE * this.size;
    return { order: descending(diagonal), isFound };
  }

  /** Adds the direction of a vector to a basis, or any other direction if it has none; returns its length. */
  private append(vector: Float64Array, basis: Float64Array[]): number {
    const found = this.normalised(vector, basis);
    basis.push(found?.vector ?? this.draw(basis, vector.length));
    if (!found) this.chain = basis.length - 1;
    return found?.length ?? 0;
  }

  /** A vector without what a basis spans, at length 1; undefined where nothing but rounding is left. */
  private normalised(
    vector: Float64Array,
    basis: readonly Float64Array[],
  ): { vector: Float64Array; length: number } | undefined {
    this.size = Math.max(this.size, Math.sqrt(dot(vector, vector)));
    orthogonalise(vector, basis);
    const length = Math.sqrt(dot(vector, vector));
    if (length <= NOTHING * this.size) return undefined;
    for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! / length;
    return { vector, length };
  }

  private draw(basis: readonly Float64Array[], length: number): Float64Array {
    const vector = Float64Array.from({ length }, () => this.options.uniform(this.drawn++) - 0.5);
    orthogonalise(vector, basis);
    const size = Math.sqrt(dot(vector, vector));
    return vector.map((value) => value / size);
  }
}

function combined(weights: Float64Array, basis: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(basis[0]!.length);
  basis.forEach((vector, j) => addScaled(sum, vector, weights[j]!));
  return sum;
}

/** Twice is enough. */
function orthogonalise(vector: Float64Array, basis: readonly Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const direction of basis) addScaled(vector, direction, -dot(vector, direction));
  }
}

function descending(values: Float64Array): number[] {
  return [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
}

/**
 * Components close to the `count` largest, by `iterations` subspace iterations from random vectors (Halko, Martinsson and
 * Tropp 2011, algorithm 4.4), as PyTorch's `svd_lowrank` with q = count: 2 + 2 * iterations products for each value.
 */
export async function roughComponents(
  M: Matrix,
  count: number,
  iterations: number,
  options: SearchOptions,
): Promise<PrincipalComponents> {
  const { uniform, pause } = options;
  const product = async (vectors: readonly Float64Array[], multiply: typeof times) => {
    const products: Float64Array[] = [];
    for (const vector of vectors) {
      products.push(multiply(M, vector));
      await pause?.();
    }
    return products;
  };
  const start = Array.from({ length: count }, (_, k) =>
    Float64Array.from({ length: M.columns }, (__, j) => uniform(k * M.columns + j) - 0.5),
  );
  let { Q } = thinQr(await product(start, times));
  for (let i = 0; i < iterations; i++) {
    Q = thinQr(await product(thinQr(await product(Q, transposedTimes)).Q, times)).Q;
  }
  const projected = await product(Q, transposedTimes);
  const values = new Float32Array(count * M.columns);
  projected.forEach((row, k) => values.set(row, k * M.columns));
  const inner = await principalComponents({ values, rows: count, columns: M.columns }, count, options);
  return { ...inner, U: inner.U.map((weights) => combined(weights, Q)) };
}
