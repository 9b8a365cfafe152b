/** The factors of one layer of a composition. */
import type { StackModule } from '#adapters/composition-members.js';
import type { Spectrum } from '#adapters/stack-measure.js';
import type { LoraFactors } from '#lora/target-module.js';

/**
 * The members' factors side by side, B times its column factors: A is [rank, in], B is [out, rank], exact up to the
 * rounding of B to float32.
 */
export function stackedFactors(
  { rank, parts, inFeatures, outFeatures }: StackModule,
  factors: readonly LoraFactors[],
  D: Float64Array,
): LoraFactors {
  const A = new Float32Array(rank * inFeatures);
  const B = new Float32Array(outFeatures * rank);
  for (const [i, { first, r }] of parts.entries()) {
    A.set(factors[i]!.A, first * inFeatures);
    // Zeros without a sign: products with 0 would have one.
    if (D[first] !== 0) scaleColumns(B, rank, first, factors[i]!.B, r, D[first]!);
  }
  return { A, B };
}

/** Writes the columns of `source` [rows, r], times a number, into `target` [rows, width] from a column on. */
function scaleColumns(
  target: Float32Array,
  width: number,
  first: number,
  source: Float32Array,
  r: number,
  factor: number,
): void {
  for (let from = 0, to = first; from < source.length; from += r, to += width) {
    for (let j = 0; j < r; j++) target[to + j] = factor * source[from + j]!;
  }
}

/**
 * The best approximation of rank `k`, its singular values shared evenly between A [k, in] and B [out, k], sums in
 * float64. The entry of largest size in each column of B is positive, so that the factors are determined.
 */
export function truncatedFactors(
  { rank, parts, inFeatures, outFeatures }: StackModule,
  factors: readonly LoraFactors[],
  { intoA, intoB }: Spectrum,
  k: number,
): LoraFactors {
  const A = new Float32Array(k * inFeatures);
  const B = new Float32Array(outFeatures * k);
  const row = new Float64Array(Math.max(k, inFeatures));
  for (let o = 0; o < outFeatures; o++) {
    row.fill(0, 0, k);
    for (const [i, { first, r }] of parts.entries()) {
      const source = factors[i]!.B;
      for (let j = 0; j < r; j++) {
        const b = source[o * r + j]!;
        for (let t = 0; t < k; t++) row[t] = row[t]! + b * intoB[t * rank + first + j]!;
      }
    }
    for (let t = 0; t < k; t++) B[o * k + t] = row[t]!;
  }
  for (let t = 0; t < k; t++) {
    row.fill(0, 0, inFeatures);
    for (const [i, { first, r }] of parts.entries()) {
      const source = factors[i]!.A;
      for (let j = 0; j < r; j++) {
        const factor = intoA[t * rank + first + j]!;
        const at = j * inFeatures;
        for (let n = 0; n < inFeatures; n++) row[n] = row[n]! + factor * source[at + n]!;
      }
    }
    const sign = signOfLargest(B, k, t);
    if (sign < 0) for (let at = t; at < B.length; at += k) B[at] = -B[at]!;
    for (let n = 0; n < inFeatures; n++) A[t * inFeatures + n] = sign * row[n]!;
  }
  return { A, B };
}

/** Of a column of a matrix [rows, width]; the first of several equal ones counts. */
function signOfLargest(values: Float32Array, width: number, column: number): number {
  let largest = 0;
  for (let at = column; at < values.length; at += width) {
    if (Math.abs(values[at]!) > Math.abs(largest)) largest = values[at]!;
  }
  return largest < 0 ? -1 : 1;
}
