/** What the kinds of layers that can have a low-rank update have in common. */
import type { RandomSource } from '#lora/random-numbers.js';
import type { Tensor } from '#jit/ops.js';
import type { LayerRun } from '#lora/layer-run.js';
import type { LayerGeometry, LoraFactors, TargetModule } from '#lora/target-module.js';
import type { TrainedPart } from '#lora/layer-kinds/trained-part.js';
import type { Module } from '#nn/module.js';

/** The name of a factor inside its module, and its shape. */
export interface FactorTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** How factors start: PEFT's `init_lora_weights`, as far as every number is drawn by itself. */
export type FactorInit = boolean | 'gaussian';

/** A layer with factors, as variants compute with it, whatever its kind. */
export interface AdaptedLayer {
  readonly part: TrainedPart;
  /** What the base makes of x, its bias included. */
  baseOutput(x: Tensor): Tensor;
  /** x with some of it dropped while the layer trains; x itself where nothing is. */
  dropped(x: Tensor): Tensor;
  /** What the base makes of x without its bias. */
  product(x: Tensor): Tensor;
  /** scale * B A x, without a bias. */
  lowRank(x: Tensor): Tensor;
  /** |W + scale B A| for each output: f32 [out], without a gradient. */
  norms(): Tensor;
  /** A number for each output, shaped so that it meets what the layer gives. */
  perOutput(numbers: Tensor): Tensor;
  /** The bias of the base, shaped likewise. */
  readonly outputBias: Tensor | undefined;
}

/** What a variant makes of x; the base and the factors are the layer's. */
export type AdaptedForward = (layer: AdaptedLayer, x: Tensor) => Tensor;

export interface LayerKind {
  readonly name: string;
  /** What messages call its layers. */
  readonly title: string;
  /** The sizes of a layer of this kind; undefined for any other. */
  readonly geometryOf: (module: Module) => LayerGeometry | undefined;
  readonly factors: (geometry: LayerGeometry, r: number) => Readonly<Record<'A' | 'B', FactorTensor>>;
  /**
   * The sizes of the layer that factors of these shapes belong to, by their names
   * without PyTorch's `.weight`; undefined if to no such layer.
   */
  readonly geometryOfFactors: (
    shapes: Readonly<Record<string, readonly number[]>>,
  ) => LayerGeometry | undefined;
  /** What a new adapter starts from; `site` names the layer's random numbers. */
  readonly initialFactors: (
    target: TargetModule,
    init: FactorInit,
    random: RandomSource,
    site: string,
  ) => LoraFactors;
  /** Why a layer of this kind can have none, or undefined. */
  readonly refusal?: (module: Module) => string | undefined;
  /** The shape in which PEFT keeps a number for each output. */
  readonly numberPerOutput: (outFeatures: number) => readonly number[];
  /** Whether B can have a bias. */
  readonly takesBias: boolean;
  /** Whether the weight lies as [in, out], the numbers of an output in a column. */
  readonly isTransposed: (module: Module) => boolean;
  /** The layer around `base` that computes with the target's tensors. */
  readonly wrap: (base: Module, target: TargetModule, run: LayerRun, forward: AdaptedForward) => Module;
}
