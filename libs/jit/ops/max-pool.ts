/** The largest entries of the windows of images. */
import { conv2d } from '#jit/ops/conv2d.js';
import { max, pad, reshape, type Tensor, tensor } from '#jit/ops.js';

/** A square window as PyTorch's MaxPool2d takes it. */
export interface MaxPoolOptions {
  readonly size: number;
  readonly stride: number;
  /** At either side; what lies there is never the largest. */
  readonly padding: number;
}

/** Below any number of an image; minus infinity times zero would not be zero. */
const lowest = -1e30;

/**
 * The largest entry of each window of x [N, C, H, W], as [N, C, h, w].
 *
 * A convolution with one kernel for each entry of the window lays the entries beside each other, so that no kernel and no
 * gradient of its own is needed. Entries that tie all take the gradient.
 */
export function maxPool2d(x: Tensor, { size, stride, padding }: MaxPoolOptions): Tensor {
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const around: [number, number] = [padding, padding];
  const padded = padding === 0 ? x : pad(x, [[0, 0], [0, 0], around, around], lowest);
  const maps = reshape(padded, [N * C, 1, H + 2 * padding, W + 2 * padding]);
  const K = size * size;
  const unit = Float32Array.from({ length: K * K }, (_, i) => (i % (K + 1) === 0 ? 1 : 0));
  const entries = conv2d(maps, tensor(unit, [K, 1, size, size]), {
    strides: [stride, stride],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    groups: 1,
  });
  return reshape(max(entries, 1), [N, C, ...entries.shape.slice(2)]);
}
