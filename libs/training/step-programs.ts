/** The step functions of a training run, written once in TensorFlow.js operations: traced and compiled, or eager. */
import { type LossHeadInputs, lossHead } from '#jit/ops/loss-head.js';
import { gatherRows } from '#jit/ops/gather-rows.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { add, reshape, slice, type Tensor, tensor, zerosLike } from '#jit/ops.js';
import type { Program, ProgramInputs, ProgramOutputs, ProgramSpec, WeightSpec } from '#jit/trace.js';
import { createLoraModel, type LoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-modules.js';
import { frozenWeights } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { joinFlat, splitFlat } from '#nn/flat-state.js';
import { type AdamWOptions, type AdamWScalars, adamWUpdate, clipByNorm } from '#training/adamw.js';
import { dataSpec, type StepShape } from '#training/step-inputs.js';

const adamWNames = ['decay', 'stepSize', 'correction'] as const;

function bindWeights(model: LoraModel, inputs: ProgramInputs, trainable: readonly Tensor[]): void {
  const own = new Map(model.layout.entries.map(({ name }, i) => [name, trainable[i]!]));
  model.decoder.bindParameters(({ name }) => own.get(name) ?? inputs.weights[name]!);
}

/** [weighted loss, weighted accuracy] of a micro-batch. */
function forward(model: LoraModel, { data }: ProgramInputs, chunkSize: number): Tensor {
  const hidden = model.decoder.forward({
    tokens: data['tokens']!,
    positions: data['positions']!,
    segments: data['segments']!,
  });
  const head: LossHeadInputs = {
    hidden: gatherRows(hidden, data['lossRows']!, data['lossSlots']!),
    head: model.decoder.logitsHead,
    targets: data['targets']!,
    weights: data['lossWeights']!,
    chunks: data['chunks']!,
    chunkSize,
  };
  return lossHead(head);
}

/** The pair of {@link forward} and the flat gradient of its first entry. */
function gradient(
  model: LoraModel,
  inputs: ProgramInputs,
  chunkSize: number,
): { pair: Tensor; flat: Tensor } {
  const trainable = splitFlat(inputs.state['parameters']!, model.layout);
  model.streams.keys = inputs.data['dropoutKeys'];
  const { value, grads } = valueAndGrads((...tensors: Tensor[]) => {
    bindWeights(model, inputs, tensors);
    return forward(model, inputs, chunkSize);
  })(trainable, tensor([1, 0]));
  return { pair: value, flat: joinFlat(grads) };
}

function pairOutputs(pair: Tensor): Record<string, Tensor> {
  return { loss: reshape(slice(pair, [0], [1]), []), accuracy: reshape(slice(pair, [1], [1]), []) };
}

function update(
  inputs: ProgramInputs,
  flat: Tensor,
  options: AdamWOptions,
): { norm: Tensor; state: ProgramOutputs['state'] } {
  const { gradient, norm } = clipByNorm(flat, options.maxGradNorm);
  const { parameters, moment1, moment2 } = inputs.state;
  const scalars = inputs.scalars as unknown as AdamWScalars<Tensor>;
  const next = adamWUpdate(
    { parameters: parameters!, moment1: moment1!, moment2: moment2! },
    gradient,
    options,
    scalars,
  );
  return { norm, state: { ...next } };
}

/** A step function with what it reads. */
export interface StepProgram {
  readonly program: Program;
  readonly spec: ProgramSpec;
}

export interface StepPrograms {
  /** Forward, backward, clipping and update in one. */
  readonly train: StepProgram;
  /** Forward and backward; adds the gradient to the accumulator. */
  readonly accumulate: StepProgram;
  /** Clips and applies what was accumulated, and empties the accumulator. */
  readonly optimizerStep: StepProgram;
  /** Forward only, without dropout. */
  readonly evaluate: StepProgram;
}

/** The step functions of a model for one shape of batch. */
export function stepPrograms(
  model: LoraModel,
  weights: Readonly<Record<string, WeightSpec>>,
  shape: StepShape,
  options: AdamWOptions,
): StepPrograms {
  const vector = { shape: [model.layout.size], dtype: 'float32' as const };
  const optimizer = { parameters: vector, moment1: vector, moment2: vector };
  const data = dataSpec(shape, model.dropoutSites);
  const { chunkSize } = shape;
  return {
    train: {
      spec: { data, scalars: [...adamWNames], state: optimizer, weights },
      program: (inputs) => {
        const { pair, flat } = gradient(model, inputs, chunkSize);
        const { norm, state } = update(inputs, flat, options);
        return { outputs: { ...pairOutputs(pair), gradNorm: norm }, state };
      },
    },
    accumulate: {
      spec: { data, scalars: [], state: { parameters: vector, accumulator: vector }, weights },
      program: (inputs) => {
        const { pair, flat } = gradient(model, inputs, chunkSize);
        return {
          outputs: pairOutputs(pair),
          state: { accumulator: add(inputs.state['accumulator']!, flat) },
        };
      },
    },
    optimizerStep: {
      spec: { data: {}, scalars: [...adamWNames], state: { ...optimizer, accumulator: vector }, weights: {} },
      program: (inputs) => {
        const flat = inputs.state['accumulator']!;
        const { norm, state } = update(inputs, flat, options);
        return { outputs: { gradNorm: norm }, state: { ...state, accumulator: zerosLike(flat) } };
      },
    },
    evaluate: {
      spec: { data: dataSpec(shape, 0), scalars: [], state: { parameters: vector }, weights },
      program: (inputs) => {
        model.streams.keys = undefined;
        bindWeights(model, inputs, splitFlat(inputs.state['parameters']!, model.layout));
        return { outputs: pairOutputs(forward(model, inputs, chunkSize)), state: {} };
      },
    },
  };
}

/** See `StepPrograms`. */
export type StepName = 'train' | 'accumulate' | 'optimizerStep' | 'evaluate';

/** Everything that the step functions are made from. */
export interface StepSource {
  readonly base: ModelFolder;
  readonly modules: readonly TargetModule[];
  readonly dropout: number;
  readonly shape: StepShape;
  readonly optimizer: AdamWOptions;
}

/** The steps that a run needs: one for everything, or two where gradients are accumulated, and evaluation. */
export function stepsOf(accumulation: number, evaluates: boolean): StepName[] {
  const training: StepName[] = accumulation === 1 ? ['train'] : ['accumulate', 'optimizerStep'];
  return evaluates ? [...training, 'evaluate'] : training;
}

/** The step functions of a run. */
export function createStepPrograms({ base, modules, dropout, shape, optimizer }: StepSource): StepPrograms {
  const model = createLoraModel(base.config, modules, dropout);
  return stepPrograms(model, frozenWeights(base.parameters), shape, optimizer);
}
