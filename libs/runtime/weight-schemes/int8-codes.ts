/**
 * The arithmetic of int8 weights and activations. A matrix is multiplied from the right by activations, so it has inner
 * channels, over which a product sums, and outer ones, of which each has a scale. Sums are in float64.
 */

/** Largest absolute code of weights and, about their zero point, of activations. */
export const largestCode = 127;

/** How a matrix [m, n] of weights is multiplied: as it is stored, or transposed. */
export interface MatrixSide {
  readonly shape: readonly [m: number, n: number];
  readonly transposed: boolean;
}

/** Sizes of a side, and the steps from one weight to the next along each in the stored matrix. */
function axesOf({ shape: [m, n], transposed }: MatrixSide) {
  return transposed
    ? { inner: n, outer: m, innerStep: 1, outerStep: n }
    : { inner: m, outer: n, innerStep: n, outerStep: 1 };
}

/** Raises `largest`, [inner], to the largest absolute weight of each inner channel. */
export function raiseLargestWeights(largest: Float32Array, weight: Float32Array, side: MatrixSide): void {
  const { inner, outer, innerStep, outerStep } = axesOf(side);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const size = Math.abs(weight[o * outerStep + i * innerStep]!);
      if (size > largest[i]!) largest[i] = size;
    }
  }
}

/**
 * By what activations are divided and weights multiplied before either is rounded: for each inner channel the root of
 * its largest activation over its largest weight (SmoothQuant, arXiv 2211.10438, with alpha = 1/2); 1 where one is 0.
 */
export function smoothingFactors(largestInputs: Float32Array, largestWeights: Float32Array): Float32Array {
  return largestInputs.map((input, i) => {
    const factor = Math.sqrt(input / largestWeights[i]!);
    return factor > 0 && Number.isFinite(factor) ? factor : 1;
  });
}

/** One scale for each outer channel, so that its largest weight times its smoothing factor gets the largest code. */
export function outerScales(
  weight: Float32Array,
  side: MatrixSide,
  smoothing: Float32Array | undefined,
): Float32Array {
  const { inner, outer, innerStep, outerStep } = axesOf(side);
  const scales = new Float32Array(outer);
  for (let o = 0; o < outer; o++) {
    let largest = 0;
    for (let i = 0; i < inner; i++) {
      const size = Math.abs(weight[o * outerStep + i * innerStep]!) * (smoothing ? smoothing[i]! : 1);
      if (size > largest) largest = size;
    }
    scales[o] = largest > 0 ? largest / largestCode : 1;
  }
  return scales;
}

/** The codes of a side, [inner, outer]: what its product reads. */
export function codesOf(
  weight: Float32Array,
  side: MatrixSide,
  scales: Float32Array,
  smoothing: Float32Array | undefined,
): Int8Array {
  const { inner, outer, innerStep, outerStep } = axesOf(side);
  const codes = new Int8Array(inner * outer);
  for (let i = 0; i < inner; i++) {
    const factor = smoothing ? smoothing[i]! : 1;
    for (let o = 0; o < outer; o++) {
      codes[i * outer + o] = Math.round((weight[i * innerStep + o * outerStep]! * factor) / scales[o]!);
    }
  }
  return codes;
}

/** The weights that codes stand for, in rows of the stored matrix. */
export function weightsOf(
  codes: Int8Array,
  side: MatrixSide,
  scales: Float32Array,
  smoothing: Float32Array | undefined,
): Float32Array {
  const { inner, outer, innerStep, outerStep } = axesOf(side);
  const weight = new Float32Array(inner * outer);
  for (let i = 0; i < inner; i++) {
    for (let o = 0; o < outer; o++) {
      const value = codes[i * outer + o]! * scales[o]!;
      weight[i * innerStep + o * outerStep] = smoothing ? value / smoothing[i]! : value;
    }
  }
  return weight;
}

/** Outer channels over which an error is measured. */
const measuredChannels = 64;

/**
 * The root mean square of what rounding changes in the product of some rows of activations, [rows, inner], with some
 * outer channels, over the root mean square of the product; rows of zeros count nothing.
 */
export function productError(
  rows: Float32Array,
  weight: Float32Array,
  side: MatrixSide,
  scales: Float32Array,
  smoothing: Float32Array | undefined,
): number {
  const { inner, outer, innerStep, outerStep } = axesOf(side);
  const channels = Math.min(measuredChannels, outer);
  const count = rows.length / inner;
  const codes = new Float64Array(rows.length);
  const rowScales = new Float64Array(count);
  for (let r = 0; r < count; r++) {
    let largest = 0;
    const smooth = (i: number) => rows[r * inner + i]! / (smoothing ? smoothing[i]! : 1);
    for (let i = 0; i < inner; i++) largest = Math.max(largest, Math.abs(smooth(i)));
    const scale = largest > 0 ? largest / largestCode : 1;
    rowScales[r] = scale;
    for (let i = 0; i < inner; i++) codes[r * inner + i] = Math.round(smooth(i) / scale);
  }
  let [error, whole] = [0, 0];
  const [exactColumn, codeColumn] = [new Float64Array(inner), new Float64Array(inner)];
  for (let c = 0; c < channels; c++) {
    const o = Math.floor((c * outer) / channels);
    for (let i = 0; i < inner; i++) {
      const value = weight[o * outerStep + i * innerStep]!;
      exactColumn[i] = value;
      codeColumn[i] = Math.round((value * (smoothing ? smoothing[i]! : 1)) / scales[o]!);
    }
    for (let r = 0; r < count; r++) {
      let [exact, rounded] = [0, 0];
      for (let i = 0; i < inner; i++) {
        exact += rows[r * inner + i]! * exactColumn[i]!;
        rounded += codes[r * inner + i]! * codeColumn[i]!;
      }
      error += (rounded * rowScales[r]! * scales[o]! - exact) ** 2;
      whole += exact ** 2;
    }
  }
  return whole > 0 ? Math.sqrt(error / whole) : 0;
}
