import { linear } from '#jit/ops/linear.js';
import { mul, scalar, sub, type Tensor } from '#jit/ops.js';
import { isOff, type LayerRun } from '#lora/layer-run.js';
import type { TargetModule } from '#lora/target-module.js';
import { type Parameter, RowMap } from '#nn/module.js';

/**
 * A linear layer less a frozen low-rank part: W x - scale * B0 A0 x. The weight itself stays the one in the files, which
 * every process maps; the difference of two f32 matrices of its size would be memory of the run's own, and rounded.
 */
export class SubtractedLinear extends RowMap {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  override readonly isTransposed: boolean;
  private readonly A0: Parameter;
  private readonly B0: Parameter;

  constructor(
    private readonly inner: RowMap,
    private readonly target: TargetModule,
    private readonly run: LayerRun,
  ) {
    super(inner.path);
    this.inFeatures = inner.inFeatures;
    this.outFeatures = inner.outFeatures;
    this.weight = inner.weight;
    this.bias = inner.bias;
    this.isTransposed = inner.isTransposed;
    const frozen = (role: string) => {
      const { name, shape } = target.frozen!.find((tensor) => tensor.role === role)!;
      return this.parameter(name.slice(inner.path.length + 1), shape);
    };
    this.A0 = frozen('A');
    this.B0 = frozen('B');
    this.child('', () => inner);
  }

  forward(x: Tensor): Tensor {
    const y = this.inner.forward(x);
    if (isOff(this.run)) return y;
    const { scale } = this.target;
    const low = linear(x, this.A0.tensor);
    return sub(y, linear(scale === 1 ? low : mul(low, scalar(scale)), this.B0.tensor));
  }
}
