/** Random bits inside a step: the same ones eagerly and compiled, a pure function of a stream's key. */
import { sizeOf } from '#base/shapes.js';
import { callKernel, defineKernel } from '#jit/kernel.js';
import {
  engine,
  greaterEqual,
  mul,
  reshape,
  scalar,
  slice,
  type Tensor,
  where,
  withGradient,
} from '#jit/ops.js';
import { bitsAt } from '#jit/random.js';

type BitsAttributes = { readonly shape: readonly number[] };

export const randomBitsKernel = defineKernel<BitsAttributes>({
  name: 'RandomBits',
  inputs: ['key'],
  infer: (_, { shape }) => [{ shape, dtype: 'int32' }],
  eager: ([key], { shape }) => {
    const [multiplier, offset] = key!.dataSync() as Int32Array;
    const bits = randomHalves({ multiplier: multiplier! >>> 0, offset: offset! >>> 0 }, sizeOf(shape));
    return [engine().makeTensor(bits, [...shape], 'int32')];
  },
});

/** 16 random bits for each of `count` elements: the low halves of the stream's first words, then their high halves. */
export function randomHalves(key: { multiplier: number; offset: number }, count: number): Int32Array {
  const words = Math.ceil(count / 2);
  const halves = new Int32Array(count);
  for (let i = 0; i < words; i++) {
    const bits = bitsAt(key, i);
    halves[i] = bits & 0xffff;
    if (i + words < count) halves[i + words] = bits >>> 16;
  }
  return halves;
}

/** An int32 tensor of numbers in [0, 65536); key is the int32 pair (multiplier, offset) of a stream. */
export function randomBits(key: Tensor, shape: readonly number[]): Tensor {
  return callKernel(randomBitsKernel, [key], { shape })[0]!;
}

/**
 * Sets each element to zero with probability `rate` (in steps of 1/65536) and scales the rest by 1 / (1 - rate).
 *
 * `keys` is the int32 tensor [sites, 2] of stream keys, `site` the row to use.
 */
export function dropout(x: Tensor, rate: number, keys: Tensor, site: number): Tensor {
  if (rate === 0) return x;
  const threshold = Math.round(rate * 65536);
  const bits = randomBits(reshape(slice(keys, [site, 0], [1, 2]), [2]), x.shape);
  const kept = greaterEqual(bits, scalar(threshold, 'int32'));
  const factor = 65536 / (65536 - threshold);
  const apply = (x: Tensor, kept: Tensor) => mul(where(kept, x, scalar(0)), scalar(factor));
  return withGradient(x, (x) => ({
    value: apply(x, kept),
    saved: [kept],
    gradient: (dy, [kept]) => apply(dy, kept!),
  }));
}
