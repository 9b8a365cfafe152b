/**
 * Counter-based random numbers: every number is a pure function of (seed, step, site, index), so a resumed run
 * repeats them bit for bit and no generator has a state to save.
 */

/** A well-mixing bijection of 32-bit integers (lowbias32 of the hash prospector, bias 0.17). */
export function mix32(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** FNV-1a of the UTF-16 code units of a name, as an unsigned 32-bit integer. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * The key of one stream: index i of the stream is `mix32(i * multiplier + offset)`, with an odd multiplier so that
 * two streams never walk the same numbers in step.
 */
export interface StreamKey {
  readonly multiplier: number;
  readonly offset: number;
}

/** Derives the key of the stream that belongs to (seed, step, site). All are taken modulo 2^32. */
export function streamKey(seed: number, step: number, site: string): StreamKey {
  const base = mix32(mix32(seed >>> 0) ^ Math.imul(step, 0x9e3779b1));
  const first = mix32(base ^ hashName(site));
  return { multiplier: (first | 1) >>> 0, offset: mix32(first ^ 0x5bf03635) };
}

/** 32 random bits of a stream at an index, as an unsigned integer. */
export function bitsAt(key: StreamKey, index: number): number {
  return mix32((Math.imul(index, key.multiplier) + key.offset) | 0);
}

/** A number in [0, 1) with 24 random bits, exact in float32. */
export function uniformAt(key: StreamKey, index: number): number {
  return (bitsAt(key, index) >>> 8) / 0x1000000;
}

/** A standard normal number (Box-Muller over indices 2i and 2i + 1 of the stream). */
export function normalAt(key: StreamKey, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniformAt(key, 2 * index)));
  return radius * Math.cos(2 * Math.PI * uniformAt(key, 2 * index + 1));
}

/** The keys of several sites as the int32 tensor [sites, 2] that a step function reads. */
export function streamKeys(seed: number, step: number, sites: readonly string[]): Int32Array {
  return Int32Array.from(
    sites.flatMap((site) => {
      const { multiplier, offset } = streamKey(seed, step, site);
      return [multiplier | 0, offset | 0];
    }),
  );
}
