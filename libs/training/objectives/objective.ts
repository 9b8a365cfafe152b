/** What an objective is to the rest of training: how blocks become the inputs of a step, and the loss made of them. */
import type { Block } from '#data/packing.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';
import type { Tensor } from '#jit/ops.js';
import type { ProgramInputs, ProgramSpec } from '#jit/trace.js';
import type { LoraModel } from '#lora/lora-model.js';
import type { Model } from '#models/model.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';
import type { StepShape } from '#training/step-shape.js';

/** Prepared blocks by number. */
export interface BlockSource {
  readonly blockCount: number;
  /** Tokens in a block. */
  readonly blockLength: number;
  readonly readBlock: (index: number) => Block;
  /** What the reference said of a block, for objectives that have one. */
  readonly referenceOf?: (index: number) => Float32Array;
}

/** What an objective asks of the model before the first step, once for every block. */
export interface Reference {
  /** The adapter that training starts from, if it starts from one, or always the base model. */
  readonly from: 'start' | 'base';
  /** Numbers that are kept of a block of so many tokens. */
  valuesPerBlock(blockLength: number): number;
  dataSpec(shape: StepShape): ProgramSpec['data'];
  /** The numbers of a micro-batch as one vector. */
  forward(model: LoraModel, data: ProgramInputs['data'], shape: StepShape): Tensor;
  inputs(source: BlockSource, indices: readonly number[], shape: StepShape): Record<string, NumericArray>;
  /** Of the vector, what is kept of one block of the micro-batch. */
  valuesOf(values: Float32Array, order: number, shape: StepShape): Float32Array;
}

/** A micro-batch, read and not yet laid out. */
export interface StepBatch {
  /** What the loss is a mean over, such as targets. */
  readonly count: number;
  /** Tokens that the model reads, padding apart. */
  readonly tokens: number;
  /** Tokens that are predicted. */
  readonly targets: number;
  /** The data inputs of a step whose micro-batches count `total` together, so that their losses add up to its mean. */
  readonly inputs: (total: number) => Record<string, NumericArray>;
}

/** Means over what a step or an evaluation counts, by the names of `measures`. */
export type Means = Readonly<Record<string, number>>;

/** A metric, by its name among those that are declared. */
export type MetricValues = Readonly<Record<string, unknown>>;

/** Collects over an evaluation what means do not say. */
export interface Tally {
  /** Adds a batch: what `evaluate` yielded beside the measures, and the data that it read. */
  add(outputs: Readonly<Record<string, NumericArray>>, data: Readonly<Record<string, NumericArray>>): void;
  metrics(): MetricValues;
}

/** What an objective may look at when it is made. */
export interface ObjectiveSetting {
  /** The model that learns. */
  readonly tree: Model;
  /** How it has its images, of one that reads images. */
  readonly preprocessor?: ImagePreprocessor | undefined;
}

/** What the step functions need of an objective. */
export interface StepObjective {
  /** The entries of what `forward` yields; the first is `loss`. */
  readonly measures: readonly [loss: 'loss', ...others: string[]];
  /** The data inputs of its step functions. */
  dataSpec(shape: StepShape): ProgramSpec['data'];
  /**
   * A vector of the measures of a micro-batch, each as its part of the mean over the whole step. The gradient of its first
   * entry is taken.
   */
  forward(model: LoraModel, data: ProgramInputs['data'], shape: StepShape): Tensor;
  /** In an evaluation in place of `forward`, for objectives that tally more than the measures. */
  evaluate?(
    model: LoraModel,
    data: ProgramInputs['data'],
    shape: StepShape,
  ): { readonly measures: Tensor; readonly outputs: Readonly<Record<string, Tensor>> };
  /** Undefined for objectives that compare with nothing. */
  readonly reference?: Reference;
}

export interface Objective extends StepObjective {
  readonly declaration: ObjectiveDeclaration;
  /** What its graphs depend on beside the model and the shape of a batch; plain JSON. */
  readonly graphKey: unknown;
  /** Blocks by number as one micro-batch; missing ones are empty. */
  readBatch(source: BlockSource, indices: readonly number[], shape: StepShape): StepBatch;
  /** Its metrics of a step, as declared. */
  stepMetrics(means: Means): Record<string, number>;
  /** Its metrics of an evaluation, as declared; those of a tally are added. */
  evaluationMetrics(means: Means): Record<string, number>;
  /** For objectives with an `evaluate`. */
  newTally?(): Tally;
}
