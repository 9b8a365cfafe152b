/** Angles of rotary positions for the rows of a batch. */
import { rotary } from '#jit/ops/rotary.js';
import { cast, concat, cos, mul, reshape, scalar, sin, split, type Tensor, tensor } from '#jit/ops.js';
import type { RotaryFrequencies } from '#nn/rotary-frequencies.js';

/** cos and sin of every row's angles, [rows, headDim / 2] each, times the scaling of the positions' variant. */
export interface RotaryTable {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** The table for int32 positions [rows]. */
export function rotaryTable(
  positions: Tensor,
  { inverseFrequencies, attentionScaling }: RotaryFrequencies,
): RotaryTable {
  const frequencies = tensor(inverseFrequencies, [1, inverseFrequencies.length]);
  const angles = mul(reshape(cast(positions, 'float32'), [-1, 1]), frequencies);
  const scaled = (x: Tensor) => (attentionScaling === 1 ? x : mul(x, scalar(attentionScaling)));
  return { cos: scaled(cos(angles)), sin: scaled(sin(angles)) };
}

/** Rotates the heads of rows x [rows, heads * headDim]: their first entries, as many as the table has angles for. */
export function rotate(x: Tensor, { cos, sin }: RotaryTable, heads: number): Tensor {
  const [rows, width] = x.shape as [number, number];
  const [headDim, rotaryDim] = [width / heads, 2 * cos.shape[1]!];
  if (rotaryDim === headDim) return rotary(x, cos, sin, heads);
  const split3 = reshape(x, [rows, heads, headDim]);
  const [first, rest] = split(split3, [rotaryDim, headDim - rotaryDim], 2) as [Tensor, Tensor];
  const rotated = rotary(reshape(first, [rows, heads * rotaryDim]), cos, sin, heads);
  return reshape(concat([reshape(rotated, [rows, heads, rotaryDim]), rest], 2), [rows, width]);
}
