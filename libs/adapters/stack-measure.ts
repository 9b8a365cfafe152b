/**
 * The sum of a stack of adapters at one layer, without ever making it:
 *
 *     delta = sum_i w_i scale_i B_i A_i = Bs D As,   Bs = [B_1 .. B_n], As = [A_1; ..; A_n], D = diag(w_i scale_i)
 *
 * With Bs = Qb Rb and As^T = Qa Ra it is Qb (Rb D Ra^T) Qa^T: its singular values are those of the small core
 * Rb D Ra^T, and the triangles Rb and Ra do not depend on the weights.
 */
import type { Stack, StackModule, StackPart } from '#adapters/composition-members.js';
import { smallSvd } from '#adapters/small-svd.js';
import { TallTriangle } from '#adapters/tall-triangle.js';
import type { LoraFactors } from '#lora/target-module.js';
import { factorsOf } from '#lora/variants/registry.js';

/** The triangles of one layer's stack. */
export interface MeasuredModule extends StackModule {
  /** f64 [rank, rank], upper triangular. */
  readonly Rb: Float64Array;
  /** f64 [rank, rank], upper triangular. */
  readonly Ra: Float64Array;
}

/** What a sum is made of: sigma_k, and how its singular vectors come out of the stack. */
export interface Spectrum {
  /** Descending, f64 [rank]; exactly 0 where rounding is all there is. */
  readonly sigma: Float64Array;
  /** Frobenius norm of w_i scale_i B_i A_i, for each part. */
  readonly partNorms: readonly number[];
  /** u_k sqrt(sigma_k) = Bs times row k: f64 [rank, rank]. */
  readonly intoB: Float64Array;
  /** v_k sqrt(sigma_k) = As^T times row k: f64 [rank, rank]. */
  readonly intoA: Float64Array;
}

/** Rows of a block: a column of it stays in the first cache. */
const BLOCK_ROWS = 512;

/** Measures one layer; `factors` are those of its parts. */
export function measureModule(module: StackModule, factors: readonly LoraFactors[]): MeasuredModule {
  const { rank, parts, inFeatures, outFeatures } = module;
  const block = new Float64Array(rank * BLOCK_ROWS);
  const Rb = triangle(block, rank, outFeatures, (start, rows) => {
    for (const [i, { first, r }] of parts.entries()) {
      const { B } = factors[i]!;
      for (let j = 0; j < r; j++) {
        for (let t = 0; t < rows; t++) block[(first + j) * rows + t] = B[(start + t) * r + j]!;
      }
    }
  });
  const Ra = triangle(block, rank, inFeatures, (start, rows) => {
    for (const [i, { first, r }] of parts.entries()) {
      const { A } = factors[i]!;
      for (let j = 0; j < r; j++) {
        for (let t = 0; t < rows; t++) block[(first + j) * rows + t] = A[j * inFeatures + start + t]!;
      }
    }
  });
  return { ...module, Rb, Ra };
}

function triangle(
  block: Float64Array,
  columns: number,
  rows: number,
  fill: (start: number, rows: number) => void,
): Float64Array {
  const result = new TallTriangle(columns);
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - start);
    fill(start, count);
    result.absorb(block, count);
  }
  return result.values;
}

/** The factors of a layer's parts, read from the members. */
export function readParts({ members }: Stack, { path, parts }: StackModule): Promise<LoraFactors[]> {
  return Promise.all(
    parts.map(async ({ member }) => {
      const { adapter } = members[member]!;
      return factorsOf(adapter.modules.get(path)!, await adapter.readNumbers(path));
    }),
  );
}

/** What each column of the stack is multiplied by: f64 [rank]. */
export function columnFactors({ rank, parts }: StackModule, weights: readonly number[]): Float64Array {
  const D = new Float64Array(rank);
  for (const { member, first, r, scale } of parts) D.fill(weights[member]! * scale, first, first + r);
  return D;
}

/** Decomposes the sum that one set of weights, one for each member, gives at a layer. */
export function spectrumOf(module: MeasuredModule, weights: readonly number[]): Spectrum {
  const { rank: n, parts, Rb, Ra } = module;
  const D = columnFactors(module, weights);
  const partNorms = parts.map(({ first, r }) => norm(core(Rb, D, Ra, n, first, first + r)));
  const { sigma, Ut, Vt } = smallSvd(core(Rb, D, Ra, n, 0, n), n);
  const noise = n * 2 ** -52 * largestTerms(module, D);
  const [intoB, intoA] = [new Float64Array(n * n), new Float64Array(n * n)];
  for (let k = 0; k < n; k++) {
    if (sigma[k]! <= noise) {
      sigma[k] = 0;
      continue;
    }
    const root = Math.sqrt(sigma[k]!);
    // u_k sigma_k = Qb Rb D Ra^T v_k = Bs D Ra^T v_k, and v_k sigma_k = As^T D Rb^T u_k.
    for (let j = 0; j < n; j++) {
      let [b, a] = [0, 0];
      for (let i = 0; i <= j; i++) {
        b += Ra[i * n + j]! * Vt[k * n + i]!;
        a += Rb[i * n + j]! * Ut[k * n + i]!;
      }
      intoB[k * n + j] = (D[j]! * b) / root;
      intoA[k * n + j] = (D[j]! * a) / root;
    }
  }
  return { sigma, partNorms, intoB, intoA };
}

/** The sum of |w scale| |B| |A| over the parts: what is left when terms of this size cancel is known to its rounding. */
function largestTerms({ rank: n, parts, Rb, Ra }: MeasuredModule, D: Float64Array): number {
  const sizeOf = (R: Float64Array, { first, r }: StackPart) => {
    let sum = 0;
    for (let i = 0; i < first + r; i++) {
      for (let k = first; k < first + r; k++) sum += R[i * n + k]! ** 2;
    }
    return Math.sqrt(sum);
  };
  return parts.reduce((sum, part) => sum + Math.abs(D[part.first]!) * sizeOf(Rb, part) * sizeOf(Ra, part), 0);
}

/** Rb D Ra^T of the columns from `first` to before `end`, row by row: f64 [n, n]. */
function core(
  Rb: Float64Array,
  D: Float64Array,
  Ra: Float64Array,
  n: number,
  first: number,
  end: number,
): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < Math.min(n, end); i++) {
    for (let j = 0; j < Math.min(n, end); j++) {
      let sum = 0;
      for (let k = Math.max(first, i, j); k < end; k++) sum += Rb[i * n + k]! * D[k]! * Ra[j * n + k]!;
      result[i * n + j] = sum;
    }
  }
  return result;
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}
