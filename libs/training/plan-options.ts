/**
 * What the options of a run mean on a model and its data: the rules of auto-options.ts in the order in which they need
 * each other. Planners call this before a run is made, and trainers for what is still open when it starts.
 */
import {
  type ChoiceBook,
  chooseBatchSize,
  chooseBlockLength,
  chooseSchedule,
  type SampledLengths,
} from '#training/auto-options.js';
import { OptionsError } from '#base/field-problems.js';
import type { TrainingOptions } from '#training/options.js';

/** Throws OptionsError for blocks longer than the model's context. */
export function requireContext({ block_length: written }: TrainingOptions, contextLength: number): void {
  if (written === 'auto' || written <= contextLength) return;
  throw new OptionsError('training_options_invalid', 'the training options', [
    {
      field: 'block_length',
      problem: `is ${written}, but the model's context has ${contextLength} tokens`,
      fix: `give at most ${contextLength}`,
    },
  ]);
}

/** Tokens in a block. Throws as `requireContext`. */
export function planBlocks(
  book: ChoiceBook,
  options: TrainingOptions,
  lengths: SampledLengths,
  contextLength: number,
): number {
  requireContext(options, contextLength);
  return chooseBlockLength(book, lengths, options.packing, contextLength);
}

/** Places in a block, which is an image. Throws OptionsError for another number. */
export function planImages(
  book: ChoiceBook,
  { block_length: written }: TrainingOptions,
  positions: number,
): number {
  if (written !== 'auto' && written !== positions) {
    throw new OptionsError('training_options_invalid', 'the training options', [
      {
        field: 'block_length',
        problem: `is ${written}, but an image takes ${positions} places of this model`,
        fix: 'leave it out',
      },
    ]);
  }
  return book.pick('block_length', () => ({
    value: positions,
    reason: `an image takes ${positions} places of the model, as a text takes one for each token`,
  }));
}

export interface StepFacts {
  readonly hiddenSize: number;
  readonly blockLength: number;
  /** Blocks of the training and of the validation data; 0 where there is none. */
  readonly blocks: number;
  readonly validationBlocks: number;
}

/** Blocks in a micro-batch, as far as the data decide it. */
export function planBatch(
  book: ChoiceBook,
  { gradient_accumulation_steps: accumulation }: TrainingOptions,
  { blockLength, blocks }: StepFacts,
): number {
  return chooseBatchSize(book, blockLength, blocks, accumulation);
}

/** Everything that follows from the micro-batch. */
export function planSteps(
  book: ChoiceBook,
  options: TrainingOptions,
  { hiddenSize, blocks, validationBlocks }: StepFacts,
  batchSize: number,
) {
  const validationBatches = Math.ceil(validationBlocks / batchSize);
  const schedule = chooseSchedule(book, options, { hiddenSize, blocks, batchSize, validationBatches });
  return { ...schedule, validationBatches };
}
