/** From logits to a token. Nothing here has a state: equal logits, options and random number give equal tokens. */
import { LowrankError } from '#base/errors.js';
import { bitsAt, streamKey } from '#jit/random.js';

export interface SamplingOptions {
  /** The logits are divided by it; 0 takes the most likely token. */
  readonly temperature: number;
  /** Tokens are drawn from the smallest set of likeliest ones whose probabilities add up to this; 1 = from all. */
  readonly topP: number;
  readonly seed: number;
}

export const greedy: SamplingOptions = { temperature: 0, topP: 1, seed: 0 };

/** Throws `sampling_invalid` for a temperature below 0 or a topP outside of (0, 1]. */
export function checkSampling({ temperature, topP, seed }: SamplingOptions): void {
  const refuse = (name: string, value: number, range: string) => {
    throw new LowrankError('sampling_invalid', `${name} must be ${range}, not ${value}`, {
      details: { name, value },
    });
  };
  if (!(temperature >= 0 && temperature < Infinity)) refuse('temperature', temperature, 'a number from 0 up');
  if (!(topP > 0 && topP <= 1)) refuse('topP', topP, 'above 0 and at most 1');
  if (!Number.isInteger(seed)) refuse('seed', seed, 'an integer');
}

/**
 * A number in [0, 1) with 32 random bits: a pure function of the seed, the request, the token's position and how many
 * tokens were passed over there.
 */
export function uniformFor(seed: number, request: number, position: number, attempt = 0): number {
  const site = attempt === 0 ? 'next token' : `next token ${attempt}`;
  return bitsAt(streamKey(seed, request, site), position) / 2 ** 32;
}

/**
 * The token for logits f32 [vocabulary] and a random number in [0, 1).
 *
 * Of equally likely tokens the lowest comes first. Throws `logits_not_finite` for NaN, or if no logit is finite.
 */
export function chooseToken(logits: Float32Array, options: SamplingOptions, uniform: number): number {
  const best = mostLikely(logits);
  if (options.temperature === 0) return best;
  const largest = logits[best]!;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / options.temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (options.topP === 1) return draw(weights, weights.keys(), uniform * total);
  const nucleus = nucleusOf(weights, options.topP * total, total);
  return draw(weights, nucleus, uniform * nucleus.reduce((sum, token) => sum + weights[token]!, 0));
}

function mostLikely(logits: Float32Array): number {
  let best = 0;
  let isSound = true;
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i]!;
    isSound &&= logit < Infinity;
    if (logit > logits[best]!) best = i;
  }
  if (!isSound || !Number.isFinite(logits[best])) {
    throw new LowrankError(
      'logits_not_finite',
      'the model produced logits that are NaN or infinite: its weights or the adapter contain such values, or overflow',
    );
  }
  return best;
}

/** The likeliest tokens, in descending order, up to and including the one that reaches `mass`. */
function nucleusOf(weights: Float64Array, mass: number, total: number): number[] {
  // All tokens below this bound together weigh less than total - mass, so none of them is needed to reach the mass.
  const bound = (total - mass) / weights.length;
  const candidates = [...weights.keys()].filter((token) => weights[token]! >= bound);
  candidates.sort((a, b) => weights[b]! - weights[a]! || a - b);
  let sum = 0;
  const end = candidates.findIndex((token) => (sum += weights[token]!) >= mass);
  return end < 0 ? candidates : candidates.slice(0, end + 1);
}

/** The token in whose stretch a point of the weights' sum lies. */
function draw(weights: Float64Array, tokens: Iterable<number>, point: number): number {
  let rest = point;
  let last = 0;
  for (const token of tokens) {
    const weight = weights[token]!;
    if (weight > 0) last = token;
    rest -= weight;
    if (rest < 0) return token;
  }
  // Rounding can leave the point at the very end.
  return last;
}
