/** Arrays of numbers as they cross the border between JavaScript and a step function. */
import { sizeOf } from '#base/shapes.js';

export type NumericArray = Float32Array | Int32Array | Uint8Array;

/** An array of zeros for a tensor. */
export function zerosFor(spec: { readonly shape: readonly number[]; readonly dtype: string }): NumericArray {
  const size = sizeOf(spec.shape);
  if (spec.dtype === 'float32') return new Float32Array(size);
  return spec.dtype === 'bool' ? new Uint8Array(size) : new Int32Array(size);
}
