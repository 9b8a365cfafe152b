import type { LoraFactors } from '#adapters/adapter.js';

/** The sizes of an adapted layer and what its update is multiplied by. */
export interface DeltaShape {
  readonly r: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly scale: number;
}

/**
 * W + scale * B A as f32 [outFeatures, inFeatures], in new memory.
 *
 * Sums in float32 over the rank and multiplies the sum once, as PEFT does.
 */
export function mergeDelta(W: Float32Array, { A, B }: LoraFactors, shape: DeltaShape): Float32Array {
  const { r, inFeatures, outFeatures, scale } = shape;
  const merged = new Float32Array(W.length);
  const row = new Float32Array(inFeatures);
  for (let o = 0; o < outFeatures; o++) {
    row.fill(0);
    for (let k = 0; k < r; k++) {
      const b = B[o * r + k]!;
      for (let i = 0; i < inFeatures; i++) row[i] = row[i]! + b * A[k * inFeatures + i]!;
    }
    for (let i = 0; i < inFeatures; i++) {
      merged[o * inFeatures + i] = W[o * inFeatures + i]! + Math.fround(scale * row[i]!);
    }
  }
  return merged;
}
