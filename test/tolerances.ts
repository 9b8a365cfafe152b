/** Every tolerance of the tests, with what it bounds. */
export const tolerances = {
  /** Compiled against eager, and logits, losses and gradient norms against PyTorch: of the largest entry, f32. */
  compiled: 1e-4,
  logits: 1e-4,
  loss: 1e-4,
  gradients: 1e-4,
  /** Adapter weights after ten steps of AdamW, whose first steps divide by small moments. */
  trainedWeights: 2e-4,
  /** Merged and composed weights. */
  mergedWeights: 1e-5,
  /** By how much the relative error of a truncation may be above the least that is possible. */
  truncation: 1e-6,
  /** Logits of a merged model against those of its base with the adapter. */
  mergedLogits: 1e-5,
  /**
   * Values of pixels against those of transformers' processors: none of a pixel's 255 steps, which are 0.0078 apart for
   * a deviation of 0.5, but the last bit where NumPy's sums differ.
   */
  pixelValues: 1e-6,
  /** Products of 8-bit codes, whose sums are exact, times their scales: of the largest entry. */
  integerProducts: 2e-6,
  /** Products of a row that is rounded to 8 bits by blocks: of the largest entry. */
  roundedRow: 0.01,
  /** Losses of a tiny model over a base in int8 against those over the same as stored, after a few steps too. */
  int8Loss: 0.02,
  /** The same in int4, where random matrices come out 8% off. */
  int4Loss: 0.12,
  /** Losses of random models of every family in int8, of the loss as stored. */
  int8RandomLoss: 0.01,
  /** Gradients with activations in int8 against those with the same weights and float32 activations: of the norm. */
  int8Gradients: 0.03,
  /** Central differences in float32. */
  finiteDifferences: 2e-2,
} as const;

/**
 * The same for models with gated delta rules. Their gated norms divide by roots of 1e-6 what may be as
 * small, and every step enlarges what the ones before differed in: PyTorch differs from itself as much, in chunks, token
 * by token and in float64 (first gradients by 5e-4, losses by 2e-4, the norm of a tenth step by 2e-3 of it, logits after
 * ten steps by 1.5e-2). So logits after training are those of PyTorch's weights.
 */
export const gatedDeltaTolerances = {
  loss: 2e-4,
  logits: tolerances.logits,
  gradients: 5e-4,
  /** Of the norm. */
  gradientNorm: 1e-2,
  /** Logits token by token against those of all at once. */
  cachedLogits: 2e-4,
} as const;

/** Largest difference of two arrays over the largest entry of the second, at least 1e-6. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 1e-6;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    const error = Math.abs(actual[i]! - expected[i]!);
    difference = Math.max(difference, Number.isNaN(error) ? Infinity : error);
  }
  return difference / largest;
}

/** Largest difference of two arrays. */
export function absoluteError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    difference = Math.max(difference, Number.isNaN(error) ? Infinity : error);
  }
  return difference;
}
