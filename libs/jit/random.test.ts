import { describe, expect, test } from 'vitest';
import {
  bitsAt,
  hashName,
  mix32,
  normalAt,
  type StreamKey,
  streamKey,
  streamKeys,
  uniformAt,
} from '#jit/random.js';

/** Numbers of a stream. */
const take = (key: StreamKey, count: number) => Array.from({ length: count }, (_, i) => bitsAt(key, i));

/** Chi-squared of counts that should be equal, in standard deviations from its mean. */
function chiSquaredScore(bins: readonly number[]): number {
  const mean = bins.reduce((a, b) => a + b) / bins.length;
  const chiSquared = bins.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
  const freedom = bins.length - 1;
  return (chiSquared - freedom) / Math.sqrt(2 * freedom);
}

function countIn(bins: number, values: Iterable<number>): number[] {
  const counts = Array.from({ length: bins }, () => 0);
  for (const value of values) counts[value]!++;
  return counts;
}

/** Correlation of two equally long lists of numbers, times the root of their length: normal if independent. */
function correlationScore(a: readonly number[], b: readonly number[]): number {
  const center = (x: readonly number[]) => {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    return x.map((value) => value - mean);
  };
  const [p, q] = [center(a), center(b)];
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return (dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q))) * Math.sqrt(a.length);
}

/** More standard deviations than any of the fixed samples below may be off. */
const tooFar = 5;

const sites = [
  'model.layers.0.self_attn.q_proj',
  'model.layers.0.self_attn.v_proj',
  'model.layers.1.mlp',
  '',
];
const streams = Array.from({ length: 10 }, (_, step) =>
  sites.map((site) => streamKey(42, step, site)),
).flat();

describe('values are the same on every machine and in every release', () => {
  test('of the mixing function', () => {
    expect([0, 1, 2, 0xffffffff].map(mix32)).toEqual([0, 1753845952, 3507691905, 1734902346]);
  });

  test('of the hash of names, FNV-1a', () => {
    expect([hashName(''), hashName('hello')]).toEqual([0x811c9dc5, 0x4f9f2cab]);
  });

  test('of keys', () => {
    expect(streamKey(0, 0, '')).toEqual({ multiplier: 1947474977, offset: 3625315341 });
    expect(streamKey(42, 3, 'model.layers.0')).toEqual({ multiplier: 3387824307, offset: 2778320227 });
    expect(streamKey(2 ** 32 + 42, 3, 'a')).toEqual(streamKey(42, 3, 'a'));
  });

  test('of a stream', () => {
    expect(take(streamKey(42, 3, 'a'), 4)).toEqual([3805107846, 3613560000, 3514640155, 2635025177]);
  });

  test('in the form that a step reads', () => {
    const { multiplier, offset } = streamKey(42, 3, 'b');
    const keys = streamKeys(42, 3, ['a', 'b']);
    expect([...keys].slice(2).map((key) => key >>> 0)).toEqual([multiplier, offset]);
  });
});

describe('bits', () => {
  test('are uniform in every byte of every stream', () => {
    for (const key of streams) {
      const bits = take(key, 1 << 14);
      for (const shift of [0, 8, 16, 24]) {
        const bytes = bits.map((word) => (word >>> shift) & 0xff);
        expect(Math.abs(chiSquaredScore(countIn(256, bytes)))).toBeLessThan(tooFar);
      }
    }
  });

  test('are uniform over streams at a fixed place', () => {
    for (const index of [0, 1, 77]) {
      const first = Array.from({ length: 1 << 14 }, (_, step) => bitsAt(streamKey(1, step, 'a'), index));
      const second = Array.from({ length: 1 << 14 }, (_, site) => bitsAt(streamKey(1, 5, `${site}`), index));
      for (const words of [first, second]) {
        const bytes = words.map((word) => word >>> 24);
        expect(Math.abs(chiSquaredScore(countIn(256, bytes)))).toBeLessThan(tooFar);
      }
    }
  });

  test('each change for half of the inputs when one bit of the input changes', () => {
    const samples = 1024;
    for (let flipped = 0; flipped < 32; flipped++) {
      const changes = Array.from({ length: 32 }, () => 0);
      for (let i = 0; i < samples; i++) {
        const x = Math.imul(i, 0x9e3779b1) >>> 0;
        const difference = mix32(x) ^ mix32((x ^ (1 << flipped)) >>> 0);
        changes.forEach((_, bit) => (changes[bit]! += (difference >>> bit) & 1));
      }
      for (const count of changes) expect(Math.abs(count / samples - 0.5)).toBeLessThan(0.1);
    }
  });

  test('do not repeat within a stream', () => {
    for (const key of streams.slice(0, 3)) expect(new Set(take(key, 1 << 14)).size).toBe(1 << 14);
  });
});

describe('streams are independent', () => {
  const taken = streams.map((key) => take(key, 1 << 11));

  test('of one another, over sites and steps', () => {
    for (let i = 0; i < taken.length; i++) {
      for (let j = 0; j < i; j++) {
        expect(Math.abs(correlationScore(taken[i]!, taken[j]!)), `${i}, ${j}`).toBeLessThan(tooFar);
      }
    }
  });

  test('of themselves some places on', () => {
    for (const stream of taken) {
      for (const lag of [1, 2, 3, 7, 16, 64, 576]) {
        expect(Math.abs(correlationScore(stream.slice(lag), stream.slice(0, -lag)))).toBeLessThan(tooFar);
      }
    }
  });

  test('in the two halves of a word, from which two elements are made', () => {
    for (const stream of taken) {
      const [low, high] = [stream.map((word) => word & 0xffff), stream.map((word) => word >>> 16)];
      expect(Math.abs(correlationScore(low, high))).toBeLessThan(tooFar);
    }
  });

  test('in keys, which differ for all sites of a model and for all steps of a run', () => {
    const names = Array.from(
      { length: 500 },
      (_, i) => `base_model.model.model.layers.${i}.lora_A.weight dropout`,
    );
    const text = ({ multiplier, offset }: StreamKey) => `${multiplier} ${offset}`;
    expect(new Set(names.map((name) => text(streamKey(0, 0, name)))).size).toBe(names.length);
    const steps = Array.from({ length: 20_000 }, (_, step) => text(streamKey(0, step, 'a')));
    expect(new Set(steps).size).toBe(steps.length);
  });
});

describe('derived numbers', () => {
  const count = 1 << 15;

  test('are uniform in [0, 1)', () => {
    const values = Array.from({ length: count }, (_, i) => uniformAt(streams[0]!, i));
    expect(values.every((value) => value >= 0 && value < 1 && Math.fround(value) === value)).toBe(true);
    const bins = countIn(
      64,
      values.map((value) => Math.floor(value * 64)),
    );
    expect(Math.abs(chiSquaredScore(bins))).toBeLessThan(tooFar);
  });

  test('are normal with mean 0 and variance 1', () => {
    const values = Array.from({ length: count }, (_, i) => normalAt(streams[0]!, i));
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / count;
    // The moments of a normal sample spread by the root of (1, 2, 15, 96) over its size.
    const spread = (variance: number) => tooFar * Math.sqrt(variance / count);
    expect(Math.abs(moment(1))).toBeLessThan(spread(1));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(spread(2));
    expect(Math.abs(moment(3))).toBeLessThan(spread(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(spread(96));
    expect(values.every(Number.isFinite)).toBe(true);
  });
});
