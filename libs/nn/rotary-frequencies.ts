/** How the inverse frequencies of a rotary embedding differ from base^(-2i/d), by the names transformers uses. */
export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'proportional';
      readonly factor: number;
      /** Share of the pairs that turn; the others stand still. */
      readonly share: number;
    }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositionEmbeddings: number;
    }
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly originalMaxPositionEmbeddings: number;
      /** Factor on cos and sin; null = derived from `factor`, `mscale` and `mscaleAllDim`. */
      readonly attentionFactor: number | null;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly mscale: number | null;
      readonly mscaleAllDim: number | null;
      /** Whether the bounds of the ramp are rounded to whole dimensions. */
      readonly truncate: boolean;
    };

/** The rotary embedding of a model: its base and the scaling for longer contexts. */
export interface RopeConfig {
  readonly theta: number;
  readonly scaling: RopeScaling;
}

/** What a rotary embedding multiplies positions by, and what its cos and sin are multiplied by. */
export interface RotaryFrequencies {
  /** f32 [headDim / 2], in radians per position. */
  readonly inverseFrequencies: Float32Array;
  readonly attentionScaling: number;
}

const f32 = Math.fround;

/** torch evaluates `scalar / tensor` as reciprocal(tensor) * scalar, with a rounding after each. */
const over = (scalar: number, x: number) => f32(f32(1 / x) * f32(scalar));

/**
 * Inverse frequencies f32 [headDim / 2] and the attention scaling of a rotary embedding.
 *
 * Follows the f32 arithmetic of `modeling_rope_utils` of transformers 5.23 operation by operation; only the power
 * itself may differ in its last bit. Sources: RoFormer (arXiv 2104.09864), YaRN (arXiv 2309.00071), Llama 3.1.
 */
export function rotaryFrequencies(headDim: number, { theta, scaling }: RopeConfig): RotaryFrequencies {
  const positionFrequencies = Float32Array.from({ length: headDim / 2 }, (_, i) =>
    Math.pow(f32(theta), f32((2 * i) / headDim)),
  );
  const base = positionFrequencies.map((frequency) => over(1, frequency));
  if (scaling.type === 'yarn') {
    return {
      inverseFrequencies: yarn(headDim, theta, positionFrequencies, scaling),
      attentionScaling: yarnAttentionFactor(scaling),
    };
  }
  const turning = scaling.type === 'proportional' ? Math.floor((scaling.share * headDim) / 2) : 0;
  const scaled = base.map((frequency, i) => {
    if (scaling.type === 'linear') return frequency / f32(scaling.factor);
    if (scaling.type === 'proportional') return i < turning ? frequency / f32(scaling.factor) : 0;
    return scaling.type === 'llama3' ? llama3(frequency, scaling) : frequency;
  });
  return { inverseFrequencies: scaled, attentionScaling: 1 };
}

type Llama3 = Extract<RopeScaling, { type: 'llama3' }>;
type Yarn = Extract<RopeScaling, { type: 'yarn' }>;

/** Long wavelengths are divided by `factor`, short ones kept, those between are interpolated. */
function llama3(frequency: number, scaling: Llama3): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings: length } = scaling;
  const wavelength = over(2 * Math.PI, frequency);
  if (wavelength > f32(length / lowFreqFactor)) return f32(frequency / f32(factor));
  if (wavelength < f32(length / highFreqFactor)) return frequency;
  const smooth = f32(
    f32(over(length, wavelength) - f32(lowFreqFactor)) / f32(highFreqFactor - lowFreqFactor),
  );
  const scaled = f32(f32(f32(1 - smooth) * frequency) / f32(factor));
  return f32(scaled + f32(smooth * frequency));
}

/** Below the ramp frequencies are kept, above it divided by `factor`, on it mixed linearly by dimension. */
function yarn(
  headDim: number,
  theta: number,
  positionFrequencies: Float32Array,
  scaling: Yarn,
): Float32Array {
  const dimensionOfRotations = (rotations: number) =>
    (headDim * Math.log(scaling.originalMaxPositionEmbeddings / (rotations * 2 * Math.PI))) /
    (2 * Math.log(theta));
  const fast = dimensionOfRotations(scaling.betaFast);
  const slow = dimensionOfRotations(scaling.betaSlow);
  const low = Math.max(scaling.truncate ? Math.floor(fast) : fast, 0);
  let high = Math.min(scaling.truncate ? Math.ceil(slow) : slow, headDim - 1);
  // An empty ramp would divide by zero.
  if (low === high) high += 0.001;
  return positionFrequencies.map((frequency, i) => {
    const ramp = f32(f32(i - f32(low)) / f32(high - low));
    const keep = f32(1 - Math.min(Math.max(ramp, 0), 1));
    const interpolated = over(1, f32(f32(scaling.factor) * frequency));
    return f32(f32(interpolated * f32(1 - keep)) + f32(over(1, frequency) * keep));
  });
}

function yarnAttentionFactor({ attentionFactor, factor, mscale, mscaleAllDim }: Yarn): number {
  if (attentionFactor !== null) return attentionFactor;
  const magnitude = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && mscaleAllDim ? magnitude(mscale) / magnitude(mscaleAllDim) : magnitude(1);
}
