/** What the data of a job come to: blocks, steps and what is chosen for them. */
import { type InputCodec, readsImages } from '#data/input-codec.js';
import { PlanError, type PlanProblem } from '#jobs/plan-problems.js';
import type { Heads } from '#jobs/planned-classes.js';
import type { PlannedRun } from '#jobs/time-estimate.js';
import type { TargetPlan } from '#lora/target-modules.js';
import { precisionDeclaration } from '#training/base-precision/declared.js';
import { ChoiceBook } from '#training/auto-options.js';
import type { Choice } from '#training/events.js';
import type { LearningShape } from '#training/learning-model.js';
import { type DataMeasure, lengthsOf, measureHead } from '#training/measure-head.js';
import type { TrainingOptions } from '#training/options.js';
import { planBatch, planBlocks, planImages, planSteps } from '#training/plan-options.js';
import {
  explainDevice,
  explainLora,
  explainSeed,
  explainTraining,
  type OptionReason,
  type RequestedOptions,
  settledOptions,
} from '#training/resolved-options.js';
import { countWork } from '#training/speed/count-work.js';

/** What a plan tells of a job with data. */
export interface PlannedData {
  readonly training: DataMeasure;
  readonly validation: DataMeasure | null;
  /** What is chosen for `auto`, as far as it does not depend on the worker. */
  readonly choices: readonly Choice[];
  /** The training options with these choices. */
  readonly settled: TrainingOptions;
  /** Of all options. */
  readonly reasons: readonly OptionReason[];
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** What it computes. */
  readonly run: PlannedRun;
}

/** Measures the data, and chooses what depends on them. Throws PlanError where nothing to learn is left. */
export function planData(
  request: { readonly requested: RequestedOptions; readonly initAdapter: { readonly id: string } | null },
  { shape, codec }: { readonly shape: LearningShape; readonly codec: InputCodec | undefined },
  {
    training: options,
    targets,
    heads,
  }: { readonly training: TrainingOptions; readonly targets: TargetPlan; readonly heads: Heads },
): PlannedData {
  const book = new ChoiceBook(options);
  const { median, max: longest } = lengthsOf(heads.training).statistics();
  const blockLength =
    codec && readsImages(codec)
      ? planImages(book, options, codec.positions)
      : planBlocks(book, options, { median, longest }, shape.contextLength);
  const measured = { blockLength, packing: options.packing };
  const training = measureHead(heads.training, measured);
  const validation = heads.validation && measureHead(heads.validation, measured);
  if (training.blocks === 0) throw new PlanError([nothingLeft(training)]);
  const facts = {
    hiddenSize: shape.hiddenSize,
    blockLength,
    blocks: training.blocks,
    validationBlocks: validation?.blocks ?? 0,
  };
  const batchSize = planBatch(book, options, facts);
  const {
    stepsPerEpoch,
    validationBatches,
    max_steps: totalSteps,
    ...planned
  } = planSteps(book, options, facts, batchSize);
  const values = { ...planned, block_length: blockLength };
  const work = countWork({
    batchSize,
    blockLength,
    accumulation: options.gradient_accumulation_steps,
    trainableParameters: targets.trainableParameters,
    ...shape,
  });
  // Before the first step and after the last one too.
  const evaluations = values.eval_steps === null ? 2 : 1 + Math.ceil(totalSteps / values.eval_steps);
  return {
    training,
    validation,
    choices: book.choices,
    settled: settledOptions(options, values),
    reasons: [
      ...explainTraining({
        requested: requestedTraining(request.requested, options),
        options,
        planned: values,
        choices: book.choices,
      }),
      ...explainLora(request.requested.lora, targets.config, request.initAdapter?.id ?? null),
      explainSeed(request.requested.seed, options.seed),
      explainDevice(request.requested.device, options.base_precision),
    ],
    totalSteps,
    stepsPerEpoch,
    run: {
      steps: totalSteps,
      width: shape.hiddenSize,
      rows: batchSize * blockLength,
      layers: shape.layers,
      pace: precisionDeclaration(options.base_precision).pace,
      stepOperations: work.step,
      evaluationOperations: evaluations * validationBatches * work.evaluationBatch,
    },
  };
}

function nothingLeft({ examples, blockLength }: DataMeasure): PlanProblem {
  return {
    field: 'training_file',
    code: 'no_blocks',
    message: `nothing to learn is left: each of its ${examples} examples has more than ${blockLength} tokens before what is to be learned; give longer blocks or shorter prompts`,
  };
}

/** What was asked for under the names of training options. */
function requestedTraining(
  { training, learningRateMultiplier }: RequestedOptions,
  { learning_rate }: TrainingOptions,
): RequestedOptions['training'] {
  return learningRateMultiplier === null ? training : { ...training, learning_rate };
}
