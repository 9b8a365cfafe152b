import { expect, test } from 'vitest';
import { roundToBfloat16, roundToFloat16, upcastBfloat16, upcastFloat16 } from '#base/half-precision.js';

const everyHalf = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer);
const float16 = (value: number) => roundToFloat16(Float32Array.of(value))[0];
/** Puts one NaN for all of them: which one a conversion gives does not matter. */
const oneNaN = (infinity: number) => (half: number) => ((half & 0x7fff) > infinity ? infinity + 1 : half);

test('upcasting and rounding back is the identity for every bfloat16 and float16', () => {
  const wide = new Float32Array(0x10000);
  upcastBfloat16(everyHalf, wide);
  expect(roundToBfloat16(wide).map(oneNaN(0x7f80))).toEqual(everyHalf.map(oneNaN(0x7f80)));
  upcastFloat16(everyHalf, wide);
  expect(roundToFloat16(wide).map(oneNaN(0x7c00))).toEqual(everyHalf.map(oneNaN(0x7c00)));
});

test('halfway between two neighbours the even one wins, just off it the nearer one', () => {
  const wide = new Float32Array(0x10000);
  for (const [upcast, round, last] of [
    [upcastBfloat16, roundToBfloat16, 0x7f7f],
    [upcastFloat16, roundToFloat16, 0x7bff],
  ] as const) {
    upcast(everyHalf, wide);
    for (let half = 0; half < last; half += 37) {
      const middle = Float32Array.of((wide[half]! + wide[half + 1]!) / 2);
      const bits = bitsOf(middle)[0]!;
      const around = new Float32Array(Uint32Array.of(bits - 1, bits, bits + 1).buffer);
      const even = half % 2 === 0 ? half : half + 1;
      expect([...round(around)], `between ${half} and ${half + 1}`).toEqual([half, even, half + 1]);
      const negative = around.map((value) => -value);
      expect([...round(negative)]).toEqual([half, even, half + 1].map((value) => value | 0x8000));
    }
  }
});

test('what is too large becomes infinity, what is too small becomes zero', () => {
  expect(float16(65_519.996)).toBe(0x7bff);
  expect(float16(65_520)).toBe(0x7c00);
  expect(float16(-1e30)).toBe(0xfc00);
  expect(float16(2 ** -25)).toBe(0);
  expect(float16(2 ** -25 * (1 + 2 ** -23))).toBe(1);
  expect(float16(-(2 ** -30))).toBe(0x8000);
  expect(roundToBfloat16(Float32Array.of(3.4e38))[0]).toBe(0x7f80);
});

test('numbers are written from the given index on', () => {
  const target = new Float32Array(3);
  upcastBfloat16(Uint16Array.of(0x3f80), target, 1);
  upcastFloat16(Uint16Array.of(0x4000), target, 2);
  expect([...target]).toEqual([0, 1, 2]);
});
