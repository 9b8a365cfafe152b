/** The step functions of a training run, written once in TensorFlow.js operations: traced and compiled, or eager. */
import { LowrankError } from '#base/errors.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { add, reshape, slice, type Tensor, tensor, zerosLike } from '#jit/ops.js';
import type { WeightSpec } from '#jit/graph.js';
import type { Program, ProgramInputs, ProgramOutputs, ProgramSpec } from '#jit/trace.js';
import { createLoraModel, type LoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import { frozenWeights } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { joinFlat, splitFlat } from '#nn/flat-state.js';
import { type AdamWOptions, adamWScalarNames, adamWUpdate, clipByNorm } from '#training/adamw.js';
import type { Objective, Reference, StepObjective } from '#training/objectives/objective.js';
import type { StepShape } from '#training/step-shape.js';

function bindWeights(model: LoraModel, inputs: ProgramInputs, trainable: readonly Tensor[]): void {
  const own = new Map(model.layout.entries.map(({ name }, i) => [name, trainable[i]!]));
  if (model.frozen.size > 0) {
    const frozen = splitFlat(inputs.data['frozen']!, model.frozen);
    model.frozen.entries.forEach(({ name }, i) => own.set(name, frozen[i]!));
  }
  model.model.bindParameters(({ name }) => own.get(name) ?? inputs.weights[name]!);
}

/** What the step functions compute, whatever they are traced with. */
interface Task {
  readonly model: LoraModel;
  readonly objective: StepObjective;
  readonly shape: StepShape;
  /** Whether the reference is the model with the adapter that is bound; false unless given: the base model. */
  readonly refersToAdapter?: boolean;
}

/** The measures of a micro-batch, and the flat gradient of the first. */
function gradient(
  { model, objective, shape }: Task,
  inputs: ProgramInputs,
): { measures: Tensor; flat: Tensor } {
  const { measures } = objective;
  const trainable = splitFlat(inputs.state['parameters']!, model.layout);
  model.streams.keys = inputs.data['dropoutKeys'];
  const { value, grads } = valueAndGrads((...tensors: Tensor[]) => {
    bindWeights(model, inputs, tensors);
    return objective.forward(model, inputs.data, shape);
  })(trainable, tensor(measures.map((_, i) => (i === 0 ? 1 : 0))));
  return { measures: value, flat: joinFlat(grads) };
}

/** An output of its own for each measure. */
function outputsOf({ measures }: StepObjective, vector: Tensor): Record<string, Tensor> {
  return Object.fromEntries(measures.map((name, i) => [name, reshape(slice(vector, [i], [1]), [])]));
}

function update(
  inputs: ProgramInputs,
  flat: Tensor,
  options: AdamWOptions,
): { norm: Tensor; state: ProgramOutputs['state'] } {
  const { gradient, norm } = clipByNorm(flat, options.maxGradNorm);
  const { parameters, moment1, moment2 } = inputs.state;
  const next = adamWUpdate(
    { parameters: parameters!, moment1: moment1!, moment2: moment2! },
    gradient,
    options,
    inputs.scalars,
  );
  return { norm, state: { ...next } };
}

/** A step function with what it reads. */
export interface StepProgram {
  readonly program: Program;
  readonly spec: ProgramSpec;
}

/** What is taken out of the base's weights, in one vector. */
function frozenSpec({ frozen }: LoraModel): ProgramSpec['data'] {
  return frozen.size > 0 ? { frozen: { shape: [frozen.size], dtype: 'float32' } } : {};
}

function dropoutSpec(sites: number): ProgramSpec['data'] {
  return sites > 0 ? { dropoutKeys: { shape: [sites, 2], dtype: 'int32' } } : {};
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
  /** What the reference says of blocks; missing for objectives that have none. */
  readonly reference?: StepProgram;
}

/** The step functions of a model and an objective for one shape of batch. */
export function stepPrograms(
  task: Task,
  weights: Readonly<Record<string, WeightSpec>>,
  options: AdamWOptions,
): StepPrograms {
  const { model, objective, shape } = task;
  const vector = { shape: [model.layout.size], dtype: 'float32' as const };
  const optimizer = { parameters: vector, moment1: vector, moment2: vector };
  const read = { ...objective.dataSpec(shape), ...frozenSpec(model) };
  const data = { ...read, ...dropoutSpec(model.dropoutSites) };
  return {
    train: {
      spec: { data, scalars: adamWScalarNames(options), state: optimizer, weights },
      program: (inputs) => {
        const { measures, flat } = gradient(task, inputs);
        const { norm, state } = update(inputs, flat, options);
        return { outputs: { ...outputsOf(objective, measures), gradNorm: norm }, state };
      },
    },
    accumulate: {
      spec: { data, scalars: [], state: { parameters: vector, accumulator: vector }, weights },
      program: (inputs) => {
        const { measures, flat } = gradient(task, inputs);
        return {
          outputs: outputsOf(objective, measures),
          state: { accumulator: add(inputs.state['accumulator']!, flat) },
        };
      },
    },
    optimizerStep: {
      spec: {
        data: {},
        scalars: adamWScalarNames(options),
        state: { ...optimizer, accumulator: vector },
        weights: {},
      },
      program: (inputs) => {
        const flat = inputs.state['accumulator']!;
        const { norm, state } = update(inputs, flat, options);
        return { outputs: { gradNorm: norm }, state: { ...state, accumulator: zerosLike(flat) } };
      },
    },
    evaluate: {
      spec: { data: read, scalars: [], state: { parameters: vector }, weights },
      program: (inputs) => {
        model.streams.keys = undefined;
        bindWeights(model, inputs, splitFlat(inputs.state['parameters']!, model.layout));
        const { measures, outputs } = objective.evaluate?.(model, inputs.data, shape) ?? {
          measures: objective.forward(model, inputs.data, shape),
          outputs: {},
        };
        return { outputs: { ...outputs, ...outputsOf(objective, measures) }, state: {} };
      },
    },
    ...(objective.reference && { reference: referenceProgram(task, objective.reference, weights) }),
  };
}

function referenceProgram(
  { model, shape, refersToAdapter = false }: Task,
  reference: Reference,
  weights: Readonly<Record<string, WeightSpec>>,
): StepProgram {
  const parameters = { shape: [model.layout.size], dtype: 'float32' as const };
  return {
    spec: {
      data: { ...reference.dataSpec(shape), ...frozenSpec(model) },
      scalars: [],
      state: { parameters },
      weights,
    },
    program: (inputs) => {
      model.streams.keys = undefined;
      bindWeights(model, inputs, splitFlat(inputs.state['parameters']!, model.layout));
      const forward = () => reference.forward(model, inputs.data, shape);
      return { outputs: { values: refersToAdapter ? forward() : model.withoutAdapter(forward) }, state: {} };
    },
  };
}

/** See `StepPrograms`. */
export type StepName = 'train' | 'accumulate' | 'optimizerStep' | 'evaluate' | 'reference';

/** Everything that the step functions are made from. */
export interface StepSource {
  readonly base: ModelFolder;
  readonly modules: readonly TargetModule[];
  readonly dropout: number;
  readonly objective: Objective;
  readonly shape: StepShape;
  readonly optimizer: AdamWOptions;
  /** See `Task`. */
  readonly refersToAdapter?: boolean;
  /** The frozen weights; those of the base's own files unless given. */
  readonly weights?: Readonly<Record<string, WeightSpec>>;
}

/** The frozen weights that steps are made with. */
export function weightsOf({ base, weights }: StepSource): Readonly<Record<string, WeightSpec>> {
  return weights ?? frozenWeights(base.parameters);
}

/** A step function by its name. Throws LowrankError `program_missing`. */
export function programOf(programs: StepPrograms, name: StepName): StepProgram {
  const program = programs[name];
  if (!program) throw new LowrankError('program_missing', `there is no step function ${name}`);
  return program;
}

/** The steps that a run needs: one for everything, or two where gradients are accumulated, and evaluation. */
export function stepsOf(accumulation: number, evaluates: boolean): StepName[] {
  const training: StepName[] = accumulation === 1 ? ['train'] : ['accumulate', 'optimizerStep'];
  return evaluates ? [...training, 'evaluate'] : training;
}

/** The step functions of a run. */
export function createStepPrograms(source: StepSource): StepPrograms {
  const { base, modules, dropout, objective, shape, optimizer, refersToAdapter } = source;
  const model = createLoraModel(base.config, modules, dropout);
  return stepPrograms({ model, objective, shape, refersToAdapter }, weightsOf(source), optimizer);
}
