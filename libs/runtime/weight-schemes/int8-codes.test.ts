import { expect, test } from 'vitest';
import { normalAt, streamKey } from '#jit/random.js';
import {
  codesOf,
  largestCode,
  type MatrixSide,
  outerScales,
  productError,
  raiseLargestWeights,
  smoothingFactors,
  weightsOf,
} from '#runtime/weight-schemes/int8-codes.js';

const shape = [12, 20] as const;
const normal = (name: string, count: number) =>
  Float32Array.from({ length: count }, (_, i) => normalAt(streamKey(1, 0, name), i));
const weight = normal('weight', 240);
const sides: MatrixSide[] = [
  { shape, transposed: false },
  { shape, transposed: true },
];

test.each(sides)(
  'codes of %o stand for weights that are off by half a step of their scale at most',
  (side) => {
    const inner = side.transposed ? 20 : 12;
    for (const smoothing of [undefined, normal('smoothing', inner).map((value) => Math.exp(value))]) {
      const scales = outerScales(weight, side, smoothing);
      const codes = codesOf(weight, side, scales, smoothing);
      expect(Math.max(...codes.map((code) => Math.abs(code)))).toBe(largestCode);
      weightsOf(codes, side, scales, smoothing).forEach((value, at) => {
        const [row, column] = [Math.floor(at / 20), at % 20];
        const [i, o] = side.transposed ? [column, row] : [row, column];
        const step = scales[o]! / (smoothing ? smoothing[i]! : 1);
        expect(Math.abs(value - weight[at]!)).toBeLessThan(0.501 * step);
      });
    }
  },
);

test('a matrix and its transpose multiplied the other way have the same codes and scales', () => {
  const transpose = Float32Array.from(
    { length: 240 },
    (_, at) => weight[(at % 12) * 20 + Math.floor(at / 12)]!,
  );
  const turned: MatrixSide = { shape: [20, 12], transposed: false };
  const scales = outerScales(weight, sides[1]!, undefined);
  expect(outerScales(transpose, turned, undefined)).toEqual(scales);
  expect(codesOf(transpose, turned, scales, undefined)).toEqual(
    codesOf(weight, sides[1]!, scales, undefined),
  );
});

test('rows and matrices of zeros come out as zeros', () => {
  const zeros = new Float32Array(240);
  const scales = outerScales(zeros, sides[1]!, undefined);
  expect(codesOf(zeros, sides[1]!, scales, undefined)).toEqual(new Int8Array(240));
  expect(productError(new Float32Array(40), zeros, sides[1]!, scales, undefined)).toBe(0);
});

test('smoothing takes the error of channels that get large away', () => {
  const rows = normal('rows', 16 * 20).map((value, at) => (at % 20 === 3 ? 1000 : 1) * value);
  // What the large channel adds is small, so that it is the rounding of the others which counts.
  const side = sides[1]!;
  const light = weight.map((value, at) => (at % 20 === 3 ? value / 1000 : value));
  const largest = new Float32Array(20);
  rows.forEach((value, at) => (largest[at % 20] = Math.max(largest[at % 20]!, Math.abs(value))));
  const largestWeights = new Float32Array(20);
  raiseLargestWeights(largestWeights, light, side);
  const smoothing = smoothingFactors(largest, largestWeights);
  const errorWith = (factors: Float32Array | undefined) =>
    productError(rows, light, side, outerScales(light, side, factors), factors);
  expect(errorWith(undefined)).toBeGreaterThan(0.5);
  expect(errorWith(smoothing)).toBeLessThan(0.02);
});

test('a channel that is never used, or whose weights are zero, is not smoothed', () => {
  expect([...smoothingFactors(Float32Array.of(0, 4, 9), Float32Array.of(1, 0, 1))]).toEqual([1, 1, 3]);
});
