import type { LoraFactors } from '#lora/target-module.js';

/** The sizes of an adapted layer and what its update is multiplied by. */
export interface DeltaShape {
  readonly r: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly scale: number;
  /** Whether W is stored as [inFeatures, outFeatures]. */
  readonly isTransposed?: boolean;
}

/** One update of a layer, scale * B A with A [r, inFeatures] and B [outFeatures, r]. */
export interface DeltaTerm extends LoraFactors {
  readonly r: number;
  /** Of the configuration, times the weight in a composition. */
  readonly scale: number;
}

/**
 * Another change of W' = W + scale * B A: its rows, or its columns, are multiplied by `factors`, and the difference to
 * W by `weight`.
 */
export interface ScaledTerm extends DeltaTerm {
  readonly factors: Float64Array;
  readonly isByColumn: boolean;
  readonly weight: number;
}

/** W + scale * B A in the shape of W, f32 [outFeatures, inFeatures] or transposed, in new memory, rounded once. */
export function mergeDelta(W: Float32Array, factors: LoraFactors, shape: DeltaShape): Float32Array {
  const { r, inFeatures, outFeatures, scale, isTransposed = false } = shape;
  const merged = W.slice();
  const term = { ...factors, r, scale };
  if (isTransposed) addDeltaRows(merged, 0, [transposedTerm(term)], outFeatures);
  else addDeltaRows(merged, 0, [term], inFeatures);
  return merged;
}

/** The update of the transposed weight, A^T B^T: its A is B^T and its B is A^T. */
export function transposedTerm({ A, B, r, scale }: DeltaTerm): DeltaTerm {
  return { A: transposed(B, r), B: transposed(A, A.length / r), r, scale };
}

/** The transpose of a matrix with so many columns. */
export function transposed(matrix: Float32Array, columns: number): Float32Array {
  const rows = matrix.length / columns;
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

/**
 * Adds the sum of updates to the rows of W from `firstRow` on, in place: W is f32 [rows, inFeatures].
 *
 * Sums in float64, which costs nothing more here, so that an entry is rounded once whatever the rank.
 */
export function addDeltaRows(
  W: Float32Array,
  firstRow: number,
  terms: readonly (DeltaTerm | ScaledTerm)[],
  inFeatures: number,
): void {
  const row = new Float64Array(inFeatures);
  const scaled = new Float64Array(inFeatures);
  for (let at = 0, o = firstRow; at < W.length; at += inFeatures, o++) {
    row.fill(0);
    for (const term of terms) {
      if (!('factors' in term)) {
        addProduct(row, term, o, inFeatures);
        continue;
      }
      const { factors, isByColumn, weight } = term;
      scaled.fill(0);
      addProduct(scaled, term, o, inFeatures);
      for (let i = 0; i < inFeatures; i++) {
        const factor = factors[isByColumn ? i : o]!;
        row[i] = row[i]! + weight * (factor * (W[at + i]! + scaled[i]!) - W[at + i]!);
      }
    }
    for (let i = 0; i < inFeatures; i++) W[at + i] = W[at + i]! + row[i]!;
  }
}

/** Adds row `o` of scale * B A. */
function addProduct(row: Float64Array, { A, B, r, scale }: DeltaTerm, o: number, inFeatures: number): void {
  let k = 0;
  // Four rows of A at a time: the sum is loaded and stored once for all of them.
  for (; k + 3 < r; k += 4) {
    const b0 = scale * B[o * r + k]!;
    const b1 = scale * B[o * r + k + 1]!;
    const b2 = scale * B[o * r + k + 2]!;
    const b3 = scale * B[o * r + k + 3]!;
    const [a0, a1] = [k * inFeatures, (k + 1) * inFeatures];
    const [a2, a3] = [a1 + inFeatures, a1 + 2 * inFeatures];
    for (let i = 0; i < inFeatures; i++) {
      row[i] = row[i]! + (b0 * A[a0 + i]! + b1 * A[a1 + i]! + (b2 * A[a2 + i]! + b3 * A[a3 + i]!));
    }
  }
  for (; k < r; k++) {
    const b = scale * B[o * r + k]!;
    const a = k * inFeatures;
    for (let i = 0; i < inFeatures; i++) row[i] = row[i]! + b * A[a + i]!;
  }
}
