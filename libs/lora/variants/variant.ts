/** What a variant of LoRA owns: its tensors, how they start, what a layer computes with them, and what they do to its weight. */
import type { Tensor } from '#jit/ops.js';
import type { LoraConfig } from '#lora/config.js';
import type { VariantDeclaration } from '#lora/variants/declared/declaration.js';
import type { AdaptedLayer, FactorTensor } from '#lora/layer-kinds/layer-kind.js';
import type { RandomSource } from '#lora/random-numbers.js';
import type { LayerGeometry, LoraFactors, ModuleNumbers, TargetModule } from '#lora/target-module.js';

/** What a new adapter starts from. */
export interface AdapterStart {
  readonly init: LoraConfig['init_lora_weights'];
  readonly random: RandomSource;
  /** A weight of the base model by its name, in float32. */
  readonly readWeight: (name: string) => Promise<Float32Array>;
  /** Whether the base has no numbers for a weight; it has them for all unless given. */
  readonly isUntrained?: (name: string) => boolean;
  /** |W + scale B A| for each output of a layer. */
  readonly norms: (target: TargetModule, factors: LoraFactors) => Promise<Float64Array>;
  /** Whether the weight of a layer lies with the numbers of an output in a column; none does unless given. */
  readonly isTransposed?: (target: TargetModule) => boolean;
  /** Called now and then in long work; what it throws ends it. */
  readonly pause?: () => Promise<void>;
}

export interface Variant {
  readonly name: string;
  /** What messages and the model card call it. */
  readonly title: string;
  /** How a configuration asks for it; none for what counts where nothing else is asked for. */
  readonly declaration?: VariantDeclaration;
  /** Why it is not done on layers of a kind, or undefined where it is. */
  readonly refusal?: (geometry: LayerGeometry) => string | undefined;
  /** Its tensors beside A and B, by their roles. */
  readonly tensors: (geometry: LayerGeometry) => Readonly<Record<string, FactorTensor>>;
  /** What its tensors beside A and B start from. */
  readonly initial: (
    target: TargetModule,
    factors: LoraFactors,
    start: AdapterStart,
  ) => Promise<ModuleNumbers>;
  readonly forward: (layer: AdaptedLayer, x: Tensor) => Tensor;
  /** What each output of W + scale B A is multiplied by, given its norms; 1 unless there is such a rule. */
  readonly outputFactors?: (numbers: ModuleNumbers, norms: Float64Array) => Float64Array;
  /** What is added to the bias of the layer; nothing unless there is such a rule. */
  readonly biasChange?: (numbers: ModuleNumbers, scale: number) => Float64Array;
  /** Whether a layer gives more than its base where all of its tensors are zero. */
  readonly isActiveAtZero?: boolean;
  /** Why its update is more than scale * B A, which alone can be added to that of others; undefined where it is that. */
  readonly notAdditive?: string;
}
