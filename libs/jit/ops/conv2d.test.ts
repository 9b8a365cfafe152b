import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ConvAttributes } from '#jit/ops/conv-geometry.js';
import { conv2d, conv2dTranspose } from '#jit/ops/conv2d.js';
import { setBackendNow, tensor, zeros } from '#jit/ops.js';

beforeAll(() => setBackendNow('cpu'));

const plain: ConvAttributes = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 };

test('a convolution pads, strides and dilates as asked', () => {
  const x = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3]);
  const weight = tensor([1, 10, 100, 1000], [1, 1, 2, 2]);
  const run = (window: Partial<ConvAttributes>) => {
    const y = conv2d(x, weight, { ...plain, ...window });
    return [y.shape.join('x'), ...y.dataSync()];
  };
  expect(run({})).toEqual(['1x1x2x2', 5421, 6532, 8754, 9865]);
  expect(run({ dilations: [2, 2] })).toEqual(['1x1x1x1', 9731]);
  expect(run({ pads: [1, 0, 0, 1], strides: [2, 2] })).toEqual(['1x1x2x2', 2100, 300, 8754, 906]);
});

test('a group sees its own channels only', () => {
  const x = tensor([1, 2, 3, 4], [1, 4, 1, 1]);
  const weight = tensor([1, 10, 100, 1000], [2, 2, 1, 1]);
  expect([...conv2d(x, weight, { ...plain, groups: 2 }).dataSync()]).toEqual([21, 4300]);
});

describe('shapes that do not go together are refused', () => {
  test.each([
    ['channels', [1, 3, 4, 4], [2, 2, 1, 1], {}, 'must have 2 channels'],
    ['groups', [1, 4, 4, 4], [3, 2, 1, 1], { groups: 2 }, '3 results cannot be cut into 2 groups'],
    ['a window', [1, 1, 4, 4], [1, 1, 3, 3], { dilations: [2, 1] }, 'larger than the image'],
    ['axes', [1, 4, 4], [1, 1, 3, 3], {}, 'four axes'],
  ] as const)('%s', (_, image, kernel, window, message) => {
    const run = () => conv2d(zeros([...image]), zeros([...kernel]), { ...plain, ...window });
    expect(run).toThrow(
      expect.objectContaining({ code: 'conv_shape', message: expect.stringContaining(message) as string }),
    );
  });

  test('an image that a transposed convolution cannot have made', () => {
    const run = () => conv2dTranspose(zeros([1, 2, 3, 3]), zeros([2, 1, 2, 2]), [5, 4], plain);
    expect(run).toThrow('it has the shape [1, 2, 4, 3], not [1, 2, 3, 3]');
  });
});
