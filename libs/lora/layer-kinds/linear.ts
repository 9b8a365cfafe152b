/** Linear layers, whichever way their weight is stored: A is [r, in], B is [out, r]. */
import { linear } from '#jit/ops/linear.js';
import { matMul, square, sum, type Tensor } from '#jit/ops.js';
import { drawnFactors, factorShapes } from '#lora/layer-kinds/drawn-factors.js';
import type { AdaptedForward, AdaptedLayer, LayerKind } from '#lora/layer-kinds/layer-kind.js';
import { outputNorms } from '#lora/layer-kinds/output-norms.js';
import { TrainedPart } from '#lora/layer-kinds/trained-part.js';
import type { LayerRun } from '#lora/layer-run.js';
import type { TargetModule } from '#lora/target-module.js';
import { type Parameter, RowMap } from '#nn/module.js';

/** A frozen linear layer with a trainable low-rank addition (Hu et al. 2021), in PEFT's form. */
export class LoraLinear extends RowMap implements AdaptedLayer {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly part: TrainedPart;

  constructor(
    readonly base: RowMap,
    target: TargetModule,
    run: LayerRun,
    private readonly adapted: AdaptedForward,
  ) {
    super(base.path);
    this.inFeatures = base.inFeatures;
    this.outFeatures = base.outFeatures;
    this.weight = base.weight;
    this.bias = base.bias;
    this.part = new TrainedPart(target, run, (name, shape) => this.parameter(name, shape));
    // The base keeps its own path, so its weight keeps its name.
    this.child('', () => base);
  }

  baseOutput(x: Tensor): Tensor {
    return this.base.forward(x);
  }

  dropped(x: Tensor): Tensor {
    return this.part.dropped(x);
  }

  lowRank(x: Tensor): Tensor {
    const low = linear(x, this.part.tensor('A'));
    return linear(this.part.scaled(low), this.part.tensor('B'));
  }

  product(x: Tensor): Tensor {
    const W = this.weight.tensor;
    return this.base.isTransposed ? matMul(x, W) : linear(x, W);
  }

  norms(): Tensor {
    const [A, B] = [this.part.tensor('A'), this.part.tensor('B')];
    const squares = () => sum(square(this.weight.tensor), this.base.isTransposed ? 0 : 1);
    return outputNorms({ squares, products: () => this.product(A), A, B, scale: this.part.scale });
  }

  perOutput(numbers: Tensor): Tensor {
    return numbers;
  }

  get outputBias(): Tensor | undefined {
    return this.bias?.tensor;
  }

  forward(x: Tensor): Tensor {
    return this.part.isOff ? this.baseOutput(x) : this.adapted(this, x);
  }
}

const names = { A: 'lora_A.weight', B: 'lora_B.weight' } as const;

export const linearKind: LayerKind = {
  name: 'linear',
  title: 'a linear layer',
  geometryOf: (module) =>
    module instanceof RowMap
      ? { kind: 'linear', inFeatures: module.inFeatures, outFeatures: module.outFeatures }
      : undefined,
  factors: ({ inFeatures, outFeatures }, r) => ({
    A: { name: names.A, shape: [r, inFeatures] },
    B: { name: names.B, shape: [outFeatures, r] },
  }),
  geometryOfFactors: ({ lora_A: A, lora_B: B }) =>
    (A ?? B) === undefined || (A ?? B)!.length > 2
      ? undefined
      : { kind: 'linear', inFeatures: A?.[1] ?? 0, outFeatures: B?.[0] ?? 0 },
  initialFactors: (target, init, random, site) => drawnFactors(factorShapes(target), init, random, site),
  numberPerOutput: (outFeatures) => [outFeatures],
  takesBias: true,
  isTransposed: (module) => (module as RowMap).isTransposed,
  wrap: (base, target, run, forward) => new LoraLinear(base as RowMap, target, run, forward),
};
