/** Pretraining steps on the compiled engine: the decoder with every weight trainable. */
import type { Batch } from '#data/batch.js';
import { crossEntropy, headLogits } from '#jit/ops/loss-head.js';
import { gatherRows } from '#jit/ops/gather-rows.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { mul, reshape, scalar, slice, sub, type Tensor, tensor } from '#jit/ops.js';
import type { Program, ProgramInputs, ProgramSpec } from '#jit/trace.js';
import type { Decoder } from '#models/decoder.js';
import { writeSafetensors } from '#models/safetensors-write.js';
import { type FlatLayout, joinFlat, layOut, splitFlat, viewOf } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { type AdamWOptions, adamWScalars, adamWUpdate, clipByNorm } from '#training/adamw.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import type { StepShape } from '#training/step-shape.js';
import { baseModel, type InitialParameter, initializeParameter } from './model.js';
import type { PretrainingEngine } from './pretraining.js';
import type { PretrainingRecipe } from './recipe.js';

interface Model {
  readonly decoder: Decoder;
  readonly layout: FlatLayout;
}

/** The mean loss of a batch; logits exist in full, the vocabulary is small. */
function meanLoss({ decoder, layout }: Model, { data }: ProgramInputs, weights: readonly Tensor[]): Tensor {
  const byName = new Map(layout.entries.map(({ name }, i) => [name, weights[i]!]));
  decoder.bindParameters(({ name }) => byName.get(name)!);
  const hidden = decoder.forward({
    tokens: data['tokens']!,
    positions: data['positions']!,
    segments: data['segments']!,
  });
  const rows = gatherRows(hidden, data['lossRows']!, data['lossSlots']!);
  return crossEntropy(headLogits(rows, decoder.logitsHead), data['targets']!, data['lossWeights']!);
}

function createPrograms(model: Model, shape: StepShape, options: AdamWOptions) {
  const { batch, length, chunkSize } = shape;
  const rows = batch * length;
  const vector = { shape: [model.layout.size], dtype: 'float32' as const };
  const ints = (...dimensions: number[]) => ({ shape: dimensions, dtype: 'int32' as const });
  const data: ProgramSpec['data'] = {
    tokens: ints(rows),
    positions: ints(rows),
    segments: ints(batch, length),
    lossRows: ints(rows),
    lossSlots: ints(rows),
    targets: ints(rows),
    lossWeights: { shape: [rows], dtype: 'float32' },
  };
  if (chunkSize !== rows) throw new RangeError('pretraining looks at all rows at once');
  const train: Program = (inputs) => {
    const { parameters, moment1, moment2, decays } = inputs.state;
    const { value, grads } = valueAndGrads((...weights: Tensor[]) => meanLoss(model, inputs, weights))(
      splitFlat(parameters!, model.layout),
      tensor([1, 0]),
    );
    const { gradient } = clipByNorm(joinFlat(grads), options.maxGradNorm);
    const { stepSize, correction, decayRate } = inputs.scalars;
    const state = adamWUpdate(
      { parameters: parameters!, moment1: moment1!, moment2: moment2! },
      gradient,
      options,
      { decay: sub(scalar(1), mul(decays!, decayRate!)), stepSize: stepSize!, correction: correction! },
    );
    return { outputs: { loss: reshape(slice(value, [0], [1]), []) }, state: { ...state } };
  };
  const evaluate: Program = (inputs) => {
    const pair = meanLoss(model, inputs, splitFlat(inputs.state['parameters']!, model.layout));
    return { outputs: { loss: reshape(slice(pair, [0], [1]), []) }, state: {} };
  };
  const state = { parameters: vector, moment1: vector, moment2: vector, decays: vector };
  return {
    train: {
      program: train,
      spec: { data, scalars: ['stepSize', 'correction', 'decayRate'], state, weights: {} },
    },
    evaluate: { program: evaluate, spec: { data, scalars: [], state: { parameters: vector }, weights: {} } },
  };
}

/** All weights trainable, from the given start. */
export class CompiledPretraining implements PretrainingEngine {
  private readonly runner: CompiledRunner;
  private readonly layout: FlatLayout;
  private readonly shape: StepShape;
  private readonly options: AdamWOptions;
  private step = 0;

  constructor(parameters: readonly InitialParameter[], recipe: PretrainingRecipe, threads: number) {
    const rows = recipe.batchSize * recipe.blockLength;
    this.shape = { batch: recipe.batchSize, length: recipe.blockLength, chunkSize: rows };
    this.options = {
      beta1: recipe.beta1,
      beta2: recipe.beta2,
      epsilon: recipe.epsilon,
      weightDecay: recipe.weightDecay,
      maxGradNorm: recipe.maxGradientNorm,
    };
    this.layout = layOut(parameters);
    const model = { decoder: baseModel(), layout: this.layout };
    const programs = createPrograms(model, this.shape, this.options);
    const compilable = Object.entries(programs).map(([name, { program, spec }]) => {
      const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
      return [name, { key: name, compile }] as const;
    });
    const zeros = () => new Float32Array(this.layout.size);
    const [initial, decays] = [zeros(), zeros()];
    for (const [i, entry] of this.layout.entries.entries()) {
      viewOf(initial, entry).set(initializeParameter(parameters[i]!, recipe.seed));
      viewOf(decays, entry).fill(Number(parameters[i]!.decays));
    }
    this.runner = new CompiledRunner(
      Object.fromEntries(compilable),
      { parameters: initial, moment1: zeros(), moment2: zeros(), decays },
      { device: 'cpu', threads, spin: false, cacheFolder: undefined },
    );
  }

  async trainStep(batch: Batch, learningRate: number): Promise<number> {
    this.step += 1;
    const { stepSize, correction } = adamWScalars(this.options, learningRate, this.step);
    const scalars = { stepSize, correction, decayRate: learningRate * this.options.weightDecay };
    const { loss } = await this.runner.run('train', { data: this.inputs(batch, batch.lossCount), scalars });
    return loss![0]!;
  }

  async evaluate(batches: readonly Batch[]): Promise<number> {
    const count = batches.reduce((sum, { lossCount }) => sum + lossCount, 0);
    let total = 0;
    for (const batch of batches) {
      total += (await this.runner.run('evaluate', { data: this.inputs(batch, count) }))['loss']![0]!;
    }
    return total;
  }

  /** Writes the weights in bfloat16, the form in which they are published. */
  async save(file: string): Promise<void> {
    const flat = this.runner.readState('parameters');
    const tensors = this.layout.entries.map((entry) => {
      return [entry.name, { data: viewOf(flat, entry), shape: entry.shape, dtype: 'BF16' as const }] as const;
    });
    await writeSafetensors(file, new Map(tensors), { format: 'pt' });
  }

  async close(): Promise<void> {
    await this.runner.close();
  }

  private inputs(batch: Batch, lossCount: number) {
    return tokenInputs(batch, this.shape, lossCount);
  }
}
