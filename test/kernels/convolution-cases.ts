/** Cases of convolutions: one for each kernel, and windows that take paths of their own in some implementation. */
import type { ConvAttributes } from '#jit/ops/conv-geometry.js';
import { conv2d, conv2dTranspose } from '#jit/ops/conv2d.js';
import { type KernelCase, normal } from './case-inputs.js';

interface ConvVariant extends Partial<ConvAttributes> {
  readonly image?: readonly number[];
  readonly kernel?: readonly number[];
}

const plainWindow: ConvAttributes = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 };
/** Everything that a window can have, different in height and width. */
const oddWindow: ConvAttributes = { strides: [2, 3], pads: [1, 0, 2, 1], dilations: [1, 2], groups: 2 };

const variants: Readonly<Record<string, ConvVariant>> = {
  'pointwise convolution': { image: [2, 4, 5, 6], kernel: [3, 4, 1, 1] },
  'pointwise convolution with strides': { image: [2, 4, 5, 6], kernel: [3, 4, 1, 1], strides: [2, 2] },
  'convolution whose strides leave rows over': { kernel: [3, 4, 3, 3], strides: [3, 3], pads: [1, 1, 1, 1] },
  'dilated convolution': { kernel: [3, 4, 3, 3], dilations: [2, 3], pads: [2, 3, 2, 3] },
  'depthwise convolution': { kernel: [4, 1, 3, 3], groups: 4, pads: [1, 1, 1, 1] },
  'depthwise convolution with two results a channel': { kernel: [8, 1, 2, 2], groups: 4, dilations: [2, 1] },
  'convolution whose kernel covers the image': { image: [1, 3, 4, 4], kernel: [5, 3, 4, 4] },
};

/** Forward and, by the gradients of image and kernel, every kernel of the family. */
function convolution(name: string, variant: ConvVariant): KernelCase {
  const { image = [2, 4, 7, 8], kernel = [6, 2, 3, 2], ...window } = variant;
  return {
    name,
    inputs: [normal(...image), normal(...kernel)],
    differentiated: 2,
    run: ([x, weight]) => conv2d(x!, weight!, { ...plainWindow, ...window }),
  };
}

export function convolutionKernels(): KernelCase[] {
  return [
    convolution('Conv2d', oddWindow),
    {
      name: 'Conv2dTranspose',
      inputs: [normal(2, 6, 4, 2), normal(6, 2, 3, 2)],
      differentiated: 2,
      run: ([x, weight]) => conv2dTranspose(x!, weight!, [6, 5], oddWindow),
    },
    convolution('Conv2dWeightGradient', oddWindow),
  ];
}

export function convolutionVariants(): KernelCase[] {
  return Object.entries(variants).map(([name, variant]) => convolution(name, variant));
}
