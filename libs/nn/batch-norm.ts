/** The norm of image models, with the running numbers that the model was trained to. */
import { add, mul, reshape, rsqrt, scalar, sub, type Tensor } from '#jit/ops.js';
import { Module, type Parameter } from '#nn/module.js';

/**
 * (x - running_mean) / sqrt(running_var + epsilon) * weight + bias for every channel of images [N, C, H, W]: PyTorch's
 * BatchNorm2d in evaluation mode. Training changes none of the four.
 */
export class BatchNorm2d extends Module {
  override readonly kind = 'a norm';
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: Parameter;
  readonly runningVariance: Parameter;

  constructor(
    path: string,
    readonly channels: number,
    private readonly epsilon = 1e-5,
  ) {
    super(path);
    this.weight = this.parameter('weight', [channels]);
    this.bias = this.parameter('bias', [channels]);
    this.runningMean = this.parameter('running_mean', [channels]);
    this.runningVariance = this.parameter('running_var', [channels]);
  }

  forward(x: Tensor): Tensor {
    const deviation = rsqrt(add(this.runningVariance.tensor, scalar(this.epsilon)));
    const factor = mul(this.weight.tensor, deviation);
    const shift = sub(this.bias.tensor, mul(this.runningMean.tensor, factor));
    const along = (values: Tensor) => reshape(values, [this.channels, 1, 1]);
    return add(mul(x, along(factor)), along(shift));
  }
}
