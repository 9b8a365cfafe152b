import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '#base/shapes.js';
import { attention } from '#jit/ops/attention.js';
import { conv2d, conv2dTranspose } from '#jit/ops/conv2d.js';
import { gatherRows } from '#jit/ops/gather-rows.js';
import { gelu } from '#jit/ops/gelu.js';
import { embedding, linear } from '#jit/ops/linear.js';
import { crossEntropy, lossHead, sequenceLogProbs } from '#jit/ops/loss-head.js';
import { dropout } from '#jit/ops/random-bits.js';
import { rmsNorm } from '#jit/ops/rms-norm.js';
import { rotary } from '#jit/ops/rotary.js';
import { silu } from '#jit/ops/silu.js';
import { softplus } from '#jit/ops/softplus.js';
import { swiGlu } from '#jit/ops/swiglu.js';
import { unitLowerInverse } from '#jit/ops/unit-lower-inverse.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { cos, setBackendNow, sin, slice, type Tensor, tensor, tidy } from '#jit/ops.js';
import { streamKeys } from '#jit/random.js';
import { type GradientCase, gradientErrors, normal } from '../../../test/finite-differences.js';
import { relativeError, tolerances } from '../../../test/tolerances.js';

beforeAll(() => setBackendNow('cpu'));

const ints = (values: number[]) => tensor(Int32Array.from(values));

/** The causal mask of one row of two segments, the second from `start`. */
function twoSegments(length: number, start: number): Tensor {
  const segment = (i: number) => Number(i >= start);
  const values = Float32Array.from({ length: length ** 2 }, (_, at) => {
    const [i, j] = [Math.floor(at / length), at % length];
    return j <= i && segment(i) === segment(j) ? 0 : -1e30;
  });
  return tensor(values, [1, length, length]);
}

const cases: GradientCase[] = [
  { name: 'softplus', shapes: [[2, 5]], run: (x) => softplus(x) },
  { name: 'silu', shapes: [[2, 5]], run: (x) => silu(x) },
  { name: 'unitLowerInverse', shapes: [[2, 8, 8]], run: (A) => unitLowerInverse(A), place: (x) => x / 2 },
  {
    name: 'linear',
    shapes: [[3, 4], [5, 4], [5]],
    run: (x, weight, bias) => linear(x, weight, bias),
  },
  {
    name: 'conv2d with strides, dilation, groups and unequal padding',
    shapes: [
      [2, 4, 5, 6],
      [6, 2, 2, 3],
    ],
    run: (x, weight) =>
      conv2d(x, weight, { strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2], groups: 2 }),
  },
  {
    name: 'conv2dTranspose whose strides leave rows over',
    shapes: [
      [2, 4, 2, 2],
      [4, 1, 2, 2],
    ],
    run: (x, weight) =>
      conv2dTranspose(x, weight, [6, 4], {
        strides: [3, 2],
        pads: [1, 0, 0, 1],
        dilations: [2, 1],
        groups: 2,
      }),
  },
  { name: 'rmsNorm', shapes: [[3, 6], [6]], run: (x, weight) => rmsNorm(x, weight, 1e-5) },
  {
    name: 'rmsNorm of small numbers, where epsilon counts',
    shapes: [[3, 6], [6]],
    place: (x) => 0.05 * x,
    step: 1e-4,
    run: (x, weight) => rmsNorm(x, weight, 1e-2),
  },
  {
    name: 'swiGlu',
    shapes: [
      [4, 5],
      [4, 5],
    ],
    run: (gate, up) => swiGlu(gate, up),
  },
  {
    name: 'rotary',
    shapes: [[3, 8]],
    run: (x) => {
      const angles = tensor([0, 0, 0.3, -2, 1.1, 5], [3, 2]);
      return rotary(x, cos(angles), sin(angles), 2);
    },
  },
  {
    name: 'attention of grouped queries over two segments',
    shapes: [
      [1, 2, 5, 3, 4],
      [1, 2, 5, 4],
      [1, 2, 5, 4],
    ],
    run: (q, k, v) => attention(q, k, v, twoSegments(5, 3), { scale: 0.7 }),
  },
  {
    name: 'lossHead, rows without a target included',
    shapes: [[6, 4]],
    run: (hidden) =>
      slice(
        lossHead({
          hidden: hidden,
          head: { weight: tensor(normal('head', [7, 4]), [7, 4]) },
          targets: ints([3, 6, 0, 2, 0, 0]),
          weights: tensor([0.5, 0.25, 1, 0, 0, 0]),
          chunks: tensor(Int32Array.of(2), []),
          chunkSize: 2,
        }),
        [0],
        [1],
      ),
  },
  {
    name: 'lossHead with a bias and a soft cap',
    shapes: [[4, 4]],
    run: (hidden) =>
      slice(
        lossHead({
          hidden: hidden,
          head: {
            weight: tensor(normal('head', [7, 4]), [7, 4]),
            bias: tensor(normal('bias', [7])),
            softcap: 1.5,
          },
          targets: ints([3, 6, 0, 2]),
          weights: tensor([0.5, 0.25, 1, 0.5]),
          chunks: tensor(Int32Array.of(2), []),
          chunkSize: 2,
        }),
        [0],
        [1],
      ),
  },
  { name: 'gelu', shapes: [[4, 5]], run: (x) => gelu(x, 'erf') },
  { name: 'gelu by tanh', shapes: [[4, 5]], run: (x) => gelu(x, 'tanh') },
  {
    name: 'attention with a soft cap',
    shapes: [
      [1, 2, 5, 3, 4],
      [1, 2, 5, 4],
      [1, 2, 5, 4],
    ],
    run: (q, k, v) => attention(q, k, v, twoSegments(5, 3), { scale: 0.7, softcap: 1.2 }),
  },
  {
    name: 'crossEntropy',
    shapes: [[3, 7]],
    run: (logits) => slice(crossEntropy(logits, ints([3, 6, 0]), tensor([0.5, 0.25, 2])), [0], [1]),
  },
  {
    name: 'log-probabilities of sequences',
    shapes: [[4, 5]],
    run: (hidden) =>
      slice(
        sequenceLogProbs({
          hidden,
          head: { weight: tensor(normal('head', [9, 5]), [9, 5]) },
          targets: ints([3, 8, 0, 2]),
          sequences: ints([1, 0, 1, 2]),
          count: 2,
          chunks: tensor(Int32Array.of(2), []),
          chunkSize: 2,
        }),
        [1],
        [1],
      ),
  },
  {
    name: 'embedding of repeated rows',
    shapes: [[5, 3]],
    run: (table) => embedding(table, ints([1, 4, 1, 1])),
  },
  {
    name: 'dropout',
    shapes: [[5, 7]],
    run: (x) => dropout(x, 0.3, tensor(streamKeys(3, 1, ['a', 'b']), [2, 2]), 1),
  },
  {
    name: 'gatherRows, of which each row is picked once',
    shapes: [[4, 3]],
    // The last place is spare: nothing reads it, so its gradient is zero.
    run: (x) => slice(gatherRows(x, ints([2, 0, 0]), ints([1, 2, 0, 2])), [0, 0], [2, 3]),
  },
];

describe('the gradient equals the differences of the function', () => {
  test.each(cases)('$name', (one) => {
    for (const [i, { gradient, differences, error }] of gradientErrors(one).entries()) {
      expect(gradient.length).toBe(sizeOf(one.shapes[i]!));
      expect(error, `input ${i}`).toBeLessThan(tolerances.finiteDifferences);
      expect(Math.max(...differences.map(Math.abs)), `input ${i}`).toBeGreaterThan(0.05);
    }
  });
});

describe('the loss head', () => {
  /** Loss, accuracy and gradient of four rows, of which two count. */
  function run(chunks: number, rest: number): number[][] {
    return tidy(() => {
      const hidden = normal('rows', [4, 5]);
      hidden.fill(rest, 10);
      const head = (hidden: Tensor) =>
        lossHead({
          hidden,
          head: { weight: tensor(normal('head', [9, 5]), [9, 5]) },
          targets: ints([3, 8, 0, 0]),
          weights: tensor([0.5, 0.25, 0, 0]),
          chunks: tensor(Int32Array.of(chunks), []),
          chunkSize: 2,
        });
      const { value, grads } = valueAndGrads(head)([tensor(hidden, [4, 5])], tensor([1, 0]));
      // Adding 0 makes of minus zero a zero.
      return [value, grads[0]!].map((y) => Array.from(y.dataSync(), (number) => number + 0)) as never;
    });
  }

  test('gives the same for chunks that do not count, run or not, whatever they hold', () => {
    expect(run(1, 7)).toEqual(run(2, 0));
  });

  test('gives nothing for no chunk', () => {
    expect(run(0, 0)).toEqual([[0, 0], Array.from({ length: 20 }, () => 0)]);
  });

  test('agrees with the cross entropy of whole logits', () => {
    const [pair] = run(1, 0);
    const whole = tidy(() => {
      const hidden = tensor(normal('rows', [4, 5]).subarray(0, 10), [2, 5]);
      const logits = linear(hidden, tensor(normal('head', [9, 5]), [9, 5]));
      return [...crossEntropy(logits, ints([3, 8]), tensor([0.5, 0.25])).dataSync()] as never;
    }) as number[];
    expect(relativeError(pair!, whole)).toBeLessThan(tolerances.loss);
  });

  test('refuses more chunks than it was built for', () => {
    expect(() => run(3, 0)).toThrow(expect.objectContaining({ code: 'loop_too_long' }));
  });
});
