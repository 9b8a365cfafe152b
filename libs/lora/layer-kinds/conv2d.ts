/**
 * Convolutions: A goes through the window of the base, B sees one place at a time. In PEFT's form A is [r, in, kh, kw], over
 * all channels, and B [out, r / groups, 1, 1] with the groups of the base; each has the groups that its shape says.
 */
import type { ConvAttributes } from '#jit/ops/conv-geometry.js';
import { conv2d } from '#jit/ops/conv2d.js';
import { linear } from '#jit/ops/linear.js';
import { reshape, square, sum, type Tensor } from '#jit/ops.js';
import { drawnFactors, factorShapes } from '#lora/layer-kinds/drawn-factors.js';
import type { AdaptedForward, AdaptedLayer, LayerKind } from '#lora/layer-kinds/layer-kind.js';
import { outputNorms } from '#lora/layer-kinds/output-norms.js';
import { TrainedPart } from '#lora/layer-kinds/trained-part.js';
import type { LayerRun } from '#lora/layer-run.js';
import type { TargetModule } from '#lora/target-module.js';
import { ImageMap } from '#nn/conv2d.js';
import type { Parameter } from '#nn/module.js';

const onePlace = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] } as const;

/** A frozen convolution with a trainable low-rank addition. */
export class LoraConv2d extends ImageMap implements AdaptedLayer {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: ImageMap['kernelSize'];
  readonly window: ConvAttributes;
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly part: TrainedPart;

  constructor(
    readonly base: ImageMap,
    target: TargetModule,
    run: LayerRun,
    private readonly adapted: AdaptedForward,
  ) {
    super(base.path);
    this.inChannels = base.inChannels;
    this.outChannels = base.outChannels;
    this.kernelSize = base.kernelSize;
    this.window = base.window;
    this.weight = base.weight;
    this.bias = base.bias;
    this.part = new TrainedPart(target, run, (name, shape) => this.parameter(name, shape));
    // The base keeps its own path, so its weight keeps its name.
    this.child('', () => base);
  }

  baseOutput(x: Tensor): Tensor {
    return this.base.forward(x);
  }

  product(x: Tensor): Tensor {
    return conv2d(x, this.weight.tensor, this.window);
  }

  dropped(x: Tensor): Tensor {
    return this.part.dropped(x);
  }

  lowRank(x: Tensor): Tensor {
    const [A, B] = [this.part.tensor('A'), this.part.tensor('B')];
    const { window, inChannels } = this;
    const low = conv2d(x, A, { ...window, groups: inChannels / A.shape[1]! });
    const scaled = this.part.scaled(low, (numbers) => this.perOutput(numbers));
    return conv2d(scaled, B, { ...onePlace, groups: this.part.r / B.shape[1]! });
  }

  norms(): Tensor {
    const [r] = this.part.tensor('A').shape as [number];
    const A = reshape(this.part.tensor('A'), [r, -1]);
    const B = reshape(this.part.tensor('B'), [this.outChannels, r]);
    const W = reshape(this.weight.tensor, [this.outChannels, -1]);
    const squares = () => sum(square(W), 1);
    return outputNorms({ squares, products: () => linear(A, W), A, B, scale: this.part.scale });
  }

  perOutput(numbers: Tensor): Tensor {
    return reshape(numbers, [-1, 1, 1]);
  }

  get outputBias(): Tensor | undefined {
    return this.bias && this.perOutput(this.bias.tensor);
  }

  forward(x: Tensor): Tensor {
    return this.part.isOff ? this.baseOutput(x) : this.adapted(this, x);
  }
}

const names = { A: 'lora_A.weight', B: 'lora_B.weight' } as const;

export const conv2dKind: LayerKind = {
  name: 'conv2d',
  title: 'a convolution',
  geometryOf: (module) => {
    if (!(module instanceof ImageMap)) return undefined;
    const { inChannels, outChannels, kernelSize, window } = module;
    return {
      kind: 'conv2d',
      inFeatures: inChannels,
      outFeatures: outChannels,
      kernel: kernelSize,
      groups: window.groups,
    };
  },
  factors: ({ inFeatures, outFeatures, kernel = [1, 1], groups = 1 }, r) => ({
    A: { name: names.A, shape: [r, inFeatures, ...kernel] },
    B: { name: names.B, shape: [outFeatures, r / groups, 1, 1] },
  }),
  geometryOfFactors: ({ lora_A: A, lora_B: B }) =>
    (A ?? B)?.length === 4
      ? {
          kind: 'conv2d',
          inFeatures: A?.[1] ?? 0,
          outFeatures: B?.[0] ?? 0,
          kernel: [A?.[2] ?? 1, A?.[3] ?? 1],
          groups: Math.max(1, Math.round((A?.[0] ?? 1) / (B?.[1] ?? 1))),
        }
      : undefined,
  initialFactors: (target, init, random, site) => drawnFactors(factorShapes(target), init, random, site),
  refusal: (module) =>
    (module as ImageMap).window.dilations.some((dilation) => dilation !== 1)
      ? 'its window is dilated, which PEFT does not give to A: leave it out of target_modules'
      : undefined,
  numberPerOutput: (outChannels) => [1, outChannels, 1, 1],
  takesBias: true,
  isTransposed: () => false,
  wrap: (base, target, run, forward) => new LoraConv2d(base as ImageMap, target, run, forward),
};
