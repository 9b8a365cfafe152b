/** The convolutional layer of image models. */
import type { ConvAttributes, Pair } from '#jit/ops/conv-geometry.js';
import { conv2d } from '#jit/ops/conv2d.js';
import { add, reshape, type Tensor } from '#jit/ops.js';
import { Module, type Parameter } from '#nn/module.js';

/** What PyTorch's Conv2d takes, with its defaults; one number counts for height and width. */
export interface Conv2dOptions {
  readonly kernelSize: number | Pair;
  readonly stride?: number | Pair;
  /** Zeros at either side. */
  readonly padding?: number | Pair;
  readonly dilation?: number | Pair;
  readonly groups?: number;
  readonly bias?: boolean;
}

/** A layer that maps images [N, in, H, W] to images [N, out, h, w] through a window. */
export abstract class ImageMap extends Module {
  abstract readonly inChannels: number;
  abstract readonly outChannels: number;
  abstract readonly kernelSize: Pair;
  abstract readonly window: ConvAttributes;
  abstract readonly weight: Parameter;
  abstract readonly bias: Parameter | undefined;
  abstract forward(x: Tensor): Tensor;
}

const pair = (value: number | Pair): Pair => (typeof value === 'number' ? [value, value] : value);

/** y = W * x + b, W stored as [out, in / groups, kh, kw]. */
export class Conv2d extends ImageMap {
  override readonly kind = 'a convolution';
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly kernelSize: Pair;
  readonly window: ConvAttributes;

  constructor(
    path: string,
    readonly inChannels: number,
    readonly outChannels: number,
    { kernelSize, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true }: Conv2dOptions,
  ) {
    super(path);
    const [vertical, horizontal] = pair(padding);
    this.kernelSize = pair(kernelSize);
    this.window = {
      strides: pair(stride),
      pads: [vertical, horizontal, vertical, horizontal],
      dilations: pair(dilation),
      groups,
    };
    this.weight = this.parameter('weight', [outChannels, inChannels / groups, ...this.kernelSize]);
    this.bias = bias ? this.parameter('bias', [outChannels]) : undefined;
  }

  forward(x: Tensor): Tensor {
    const y = conv2d(x, this.weight.tensor, this.window);
    return this.bias ? add(y, reshape(this.bias.tensor, [this.outChannels, 1, 1])) : y;
  }
}
