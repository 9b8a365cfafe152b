/** Random numbers for the start of an adapter. */
import { type StreamKey, streamKey, uniformAt } from '#jit/random.js';

/** Random numbers as a pure function of a place and an index, so that a repeated run repeats them bit for bit. */
export interface RandomSource {
  /** In [0, 1). */
  uniform(site: string, index: number): number;
}

/** The numbers of a seed. */
export function seededNumbers(seed: number): RandomSource {
  const keys = new Map<string, StreamKey>();
  return {
    uniform(site: string, index: number): number {
      const key = keys.get(site) ?? streamKey(seed, 0, site);
      keys.set(site, key);
      return uniformAt(key, index);
    },
  };
}

/** Uniform between -bound and bound. */
export function uniformNumbers(
  random: RandomSource,
  site: string,
  length: number,
  bound: number,
): Float32Array {
  return Float32Array.from({ length }, (_, i) => (2 * random.uniform(site, i) - 1) * bound);
}

/** Normal with mean 0: Box-Muller over the indices 2i and 2i + 1. */
export function normalNumbers(
  random: RandomSource,
  site: string,
  length: number,
  deviation: number,
): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.uniform(site, 2 * i)));
    return deviation * radius * Math.cos(2 * Math.PI * random.uniform(site, 2 * i + 1));
  });
}
