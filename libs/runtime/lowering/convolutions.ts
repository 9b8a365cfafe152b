/** Convolutions and their gradients. */
import { sizeOf } from '#base/shapes.js';
import { type ConvAttributes, planeOf } from '#jit/ops/conv-geometry.js';
import type { OnnxBuilder } from '#runtime/lowering/builder.js';
import { joined } from '#runtime/lowering/layout.js';
import { batchedProduct } from '#runtime/lowering/products.js';
import { type Lowering, type LoweringCall, numbersOf, resultShape } from '#runtime/lowering/rule.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

/** The window of a call; ONNX orders pads as the project does. */
function windowOf({ attributes }: LoweringCall): ConvAttributes {
  return {
    strides: numbersOf(attributes, 'strides') as ConvAttributes['strides'],
    pads: numbersOf(attributes, 'pads') as ConvAttributes['pads'],
    dilations: numbersOf(attributes, 'dilations') as ConvAttributes['dilations'],
    groups: Number(attributes['groups']),
  };
}

const conv2d: Lowering = (call) => {
  const { groups, ...window } = windowOf(call);
  return call.builder.emit('Conv', call.inputs, resultShape(call), { ...window, group: groups });
};

/**
 * ONNX Runtime 1.30 on WebGPU mixes the groups up where each has one channel of the result and an even number of the
 * input's; with a second channel of zeros it does not.
 */
function mixesGroups({ builder, inputs }: LoweringCall, groups: number): boolean {
  const [O, perGroup] = inputs[1]!.shape as [number, number];
  return !builder.can.keepsSingleChannels && groups > 1 && perGroup === 1 && (O / groups) % 2 === 0;
}

const conv2dTranspose: Lowering = (call) => {
  const { builder } = call;
  const [x, weight] = call.inputs as [OnnxValue, OnnxValue];
  const { groups, ...window } = windowOf(call);
  const { strides, pads, dilations } = window;
  const shape = resultShape(call);
  // What strides leave over at the bottom and at the right.
  const output_padding = ([0, 1] as const).map((axis) => {
    const reach = dilations[axis] * (planeOf(weight)[axis] - 1) + 1;
    const covered = (planeOf(x)[axis] - 1) * strides[axis] + reach - pads[axis] - pads[axis + 2]!;
    return shape[axis + 2]! - covered;
  });
  const options = { ...window, group: groups, output_padding };
  if (!mixesGroups(call, groups)) return builder.emit('ConvTranspose', [x, weight], shape, options);
  const [N, C, H, W] = shape as [number, number, number, number];
  const oneMore = builder.ints([0, 0, 0, 0, 0, 1, 0, 0]);
  const wider = builder.emit('Pad', [weight, oneMore, builder.float(0)], weight.shape.with(1, 2));
  const both = builder.emit('ConvTranspose', [x, wider], [N, 2 * C, H, W], options);
  return builder.reshape(builder.sliceAxis(builder.reshape(both, [N, C, 2, H * W]), 2, 0, 1), shape);
};

/** An image with its zeros around it. */
function padded(builder: OnnxBuilder, x: OnnxValue, [top, left, bottom, right]: ConvAttributes['pads']) {
  if (Math.max(top, left, bottom, right) === 0) return x;
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const pads = builder.ints([0, 0, top, left, 0, 0, bottom, right]);
  return builder.emit('Pad', [x, pads, builder.float(0)], [N, C, H + top + bottom, W + left + right]);
}

/**
 * For every entry of the kernel, dW = sum over images of dY X^T, with X what the entry sees. A convolution of x with
 * dy would say the same, but ONNX Runtime takes two to three times as long for it where the kernel is 3 x 3.
 */
const conv2dWeightGradient: Lowering = (call) => {
  const { builder } = call;
  const [x, dy] = call.inputs as [OnnxValue, OnnxValue];
  const { strides, pads, dilations, groups } = windowOf(call);
  const [N, C] = x.shape as [number, number];
  const shape = resultShape(call);
  const [O, perGroup, kh, kw] = shape as [number, number, number, number];
  const [rows, columns] = planeOf(dy);
  const image = padded(builder, x, pads);
  const dY = builder.reshape(dy, [N, groups, O / groups, rows * columns]);
  const entries = Array.from({ length: kh * kw }, (_, k) => {
    const from = [Math.floor(k / kw) * dilations[0], (k % kw) * dilations[1]] as const;
    const to = [from[0] + (rows - 1) * strides[0] + 1, from[1] + (columns - 1) * strides[1] + 1];
    const places = [from, to, [2, 3], strides].map((numbers) => builder.ints(numbers));
    const isWhole = kh * kw === 1 && rows * columns === sizeOf(planeOf(image));
    const seen = isWhole ? image : builder.emit('Slice', [image, ...places], [N, C, rows, columns]);
    const X = builder.reshape(seen, [N, groups, perGroup, rows * columns]);
    const ofImages = batchedProduct(builder, dY, X, { transposeB: true });
    const dW = builder.emit('ReduceSum', [ofImages, builder.ints([0])], ofImages.shape.slice(1), {
      keepdims: 0,
    });
    return builder.reshape(dW, [O, perGroup, 1]);
  });
  return builder.reshape(entries.length === 1 ? entries[0]! : joined(builder, entries, 2), shape);
};

export const convolutionRules = {
  Conv2d: conv2d,
  Conv2dTranspose: conv2dTranspose,
  Conv2dWeightGradient: conv2dWeightGradient,
} satisfies Record<string, Lowering>;
