/**
 * Convolutions of images [N, C, H, W] with kernels as PyTorch stores them, [out, in / groups, kh, kw], and what their
 * gradients are made of. The eager forms are slices and matrix products: TensorFlow.js' own kernels refuse groups, and
 * gradients where the kernel is dilated.
 */
import { sizeOf } from '#base/shapes.js';
import { callKernel, defineKernel, type OwnKernel } from '#jit/kernel.js';
import {
  type ConvAttributes,
  convolvedShape,
  convolvedSize,
  convShapeError,
  type Pair,
  planeOf,
} from '#jit/ops/conv-geometry.js';
import { add, matMul, pad, reshape, slice, stack, stridedSlice, type Tensor, transpose } from '#jit/ops.js';

/** Height and width of the image that a transposed convolution makes: with strides the input leaves them open. */
type TransposeAttributes = ConvAttributes & { readonly plane: Pair };
/** Height and width of the kernel whose gradient is made. */
type WeightGradientAttributes = ConvAttributes & { readonly kernel: Pair };

// ---- eager forms; K stands for the kh * kw entries of a kernel, P for the places of the window ----

/** Row and column of every entry of a kernel. */
function entriesOf([rows, columns]: Pair): Pair[] {
  return Array.from({ length: rows * columns }, (_, k) => [Math.floor(k / columns), k % columns]);
}

/** What each entry of the kernel sees: an image [N, C, H, W] as [groups, C / groups * K, N * P]. */
function unfolded(image: Tensor, kernel: Pair, attributes: ConvAttributes): Tensor {
  const { strides, pads, dilations, groups } = attributes;
  const [N, C] = image.shape as [number, number];
  const [rows, columns] = convolvedSize(planeOf(image), kernel, attributes);
  const padded = pad(image, [
    [0, 0],
    [0, 0],
    [pads[0], pads[2]],
    [pads[1], pads[3]],
  ]);
  const views = entriesOf(kernel).map(([i, j]) => {
    const [top, left] = [i * dilations[0], j * dilations[1]];
    const end = [N, C, top + (rows - 1) * strides[0] + 1, left + (columns - 1) * strides[1] + 1];
    return reshape(stridedSlice(padded, [0, 0, top, left], end, [1, 1, ...strides]), [N, C, rows * columns]);
  });
  const all = reshape(stack(views, 2), [N, groups, -1, rows * columns]);
  return reshape(transpose(all, [1, 2, 0, 3]), [groups, -1, N * rows * columns]);
}

/** A result [N, O, h, w] as [groups, O / groups, N * P]. */
function groupRows(y: Tensor, groups: number): Tensor {
  const [N, O] = y.shape as [number, number];
  return reshape(transpose(reshape(y, [N, O, -1]), [1, 0, 2]), [groups, O / groups, -1]);
}

const groupWeight = (weight: Tensor, groups: number): Tensor =>
  reshape(weight, [groups, weight.shape[0] / groups, -1]);

/** Maps [A, h, w] into [A, ...canvas]: entries `strides` apart, the first at `from`, zeros elsewhere. */
function spread(x: Tensor, strides: Pair, from: Pair, canvas: Pair): Tensor {
  const [A, rows, columns] = x.shape as [number, number, number];
  const apart = pad(reshape(x, [A * rows, 1, columns, 1]), [
    [0, 0],
    [0, strides[0] - 1],
    [0, 0],
    [0, strides[1] - 1],
  ]);
  const size: Pair = [rows * strides[0], columns * strides[1]];
  const rest = (axis: 0 | 1): [number, number] => [from[axis], canvas[axis] - from[axis] - size[axis]];
  return pad(reshape(apart, [A, ...size]), [[0, 0], rest(0), rest(1)]);
}

/** The adjoint of {@link unfolded}: adds [groups, C / groups * K, N * P] up to an image [N, C, ...plane]. */
function folded(columns: Tensor, N: number, kernel: Pair, window: Pair, attributes: TransposeAttributes) {
  const { strides, pads, dilations, plane } = attributes;
  const K = sizeOf(kernel);
  const C = sizeOf(columns.shape) / (K * N * sizeOf(window));
  const canvas = ([0, 1] as const).map((axis) =>
    Math.max((kernel[axis] - 1) * dilations[axis] + window[axis] * strides[axis], pads[axis] + plane[axis]),
  ) as unknown as Pair;
  const all = reshape(columns, [C, K, N, sizeOf(window)]);
  const parts = entriesOf(kernel).map(([i, j], k) => {
    const part = reshape(slice(all, [0, k, 0, 0], [C, 1, N, -1]), [C * N, ...window]);
    return spread(part, strides, [i * dilations[0], j * dilations[1]], canvas);
  });
  const sum = parts.reduce((total, part) => add(total, part));
  const image = slice(sum, [0, pads[0], pads[1]], [C * N, ...plane]);
  return transpose(reshape(image, [C, N, ...plane]), [1, 0, 2, 3]);
}

// ---- kernels ----

export const conv2dKernel: OwnKernel<ConvAttributes> = defineKernel<ConvAttributes>({
  name: 'Conv2d',
  inputs: ['x', 'weight'],
  infer: ([x, weight], attributes) => [
    { shape: convolvedShape(x!.shape, weight!.shape, attributes), dtype: x!.dtype },
  ],
  eager: ([x, weight], attributes) => {
    const { groups } = attributes;
    const shape = convolvedShape(x!.shape, weight!.shape, attributes);
    const [N, O] = shape as [number, number];
    const y = matMul(groupWeight(weight!, groups), unfolded(x!, planeOf(weight!), attributes));
    return [reshape(transpose(reshape(y, [O, N, -1]), [1, 0, 2]), shape)];
  },
  gradient: {
    saveInputs: ['x', 'weight'],
    backward: ([dy], [x, weight], attributes) => ({
      x: () => conv2dTranspose(dy!, weight!, planeOf(x!), attributes),
      weight: () => conv2dWeightGradient(x!, dy!, planeOf(weight!), attributes),
    }),
  },
});

export const conv2dTransposeKernel: OwnKernel<TransposeAttributes> = defineKernel<TransposeAttributes>({
  name: 'Conv2dTranspose',
  inputs: ['x', 'weight'],
  infer: ([x, weight], { groups, plane }) => [
    { shape: [x!.shape[0]!, weight!.shape[1]! * groups, ...plane], dtype: x!.dtype },
  ],
  eager: ([x, weight], attributes) => {
    const { groups } = attributes;
    const columns = matMul(groupWeight(weight!, groups), groupRows(x!, groups), true, false);
    return [folded(columns, x!.shape[0], planeOf(weight!), planeOf(x!), attributes)];
  },
  gradient: {
    saveInputs: ['x', 'weight'],
    backward: ([dy], [x, weight], { strides, pads, dilations, groups }) => {
      const attributes = { strides, pads, dilations, groups };
      return {
        x: () => conv2d(dy!, weight!, attributes),
        weight: () => conv2dWeightGradient(dy!, x!, planeOf(weight!), attributes),
      };
    },
  },
});

export const conv2dWeightGradientKernel = defineKernel<WeightGradientAttributes>({
  name: 'Conv2dWeightGradient',
  inputs: ['x', 'dy'],
  infer: ([x, dy], { groups, kernel }) => [
    { shape: [dy!.shape[1]!, x!.shape[1]! / groups, ...kernel], dtype: x!.dtype },
  ],
  eager: ([x, dy], { kernel, ...attributes }) => {
    const { groups } = attributes;
    const dW = matMul(groupRows(dy!, groups), unfolded(x!, kernel, attributes), false, true);
    return [reshape(dW, [dy!.shape[1]!, x!.shape[1]! / groups, ...kernel])];
  },
});

/** The gradient [out, in / groups, ...kernel] of a convolution's kernel, from x [N, in, H, W] and dy [N, out, h, w]. */
function conv2dWeightGradient(x: Tensor, dy: Tensor, kernel: Pair, attributes: ConvAttributes): Tensor {
  return callKernel(conv2dWeightGradientKernel, [x, dy], { ...attributes, kernel })[0]!;
}

// ---- operations ----

/**
 * The convolution of an image x [N, in, H, W] with a kernel [out, in / groups, kh, kw], as [N, out, h, w]; what
 * PyTorch's conv2d computes, without the bias.
 *
 * Throws `conv_shape` for channels that do not fit the kernel and a window that does not fit the image.
 */
export function conv2d(x: Tensor, weight: Tensor, attributes: ConvAttributes): Tensor {
  convolvedShape(x.shape, weight.shape, attributes);
  return callKernel(conv2dKernel, [x, weight], attributes)[0]!;
}

/**
 * The transposed convolution of x [N, out, h, w] with the kernel [out, in / groups, kh, kw] of a convolution, as
 * [N, in, ...plane]: the gradient of that convolution's image.
 *
 * Throws `conv_shape` where the convolution of an image [N, in, ...plane] does not give the shape of x.
 */
export function conv2dTranspose(x: Tensor, weight: Tensor, plane: Pair, attributes: ConvAttributes): Tensor {
  const image = [x.shape[0], weight.shape[1]! * attributes.groups, ...plane];
  const result = convolvedShape(image, weight.shape, attributes);
  if (result.join() !== x.shape.join()) {
    throw convShapeError(
      image,
      weight.shape,
      attributes,
      `it has the shape [${result.join(', ')}], not [${x.shape.join(', ')}]`,
    );
  }
  return callKernel(conv2dTransposeKernel, [x, weight], { ...attributes, plane })[0]!;
}
