/**
 * What the program chooses where the options say 'auto': every rule is here, and every choice comes with its reason.
 * The rules are functions of the job and its data, so that the same job gets the same values again; only the memory
 * limit and the threads depend on the machine.
 */
import type { Choice } from '#training/events.js';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';
import { declarationOf } from '#training/objectives/declared/registry.js';
import type { TrainingOptions } from '#training/options.js';

type AutoOption = {
  [K in keyof TrainingOptions]: 'auto' extends TrainingOptions[K] ? K : never;
}[keyof TrainingOptions];

/** Collects what was chosen and why. */
export class ChoiceBook {
  private readonly entries: Choice[] = [];

  constructor(private readonly options: TrainingOptions) {}

  /** The written value of an option, or what the rule says. */
  pick<K extends AutoOption, V extends Choice['value']>(
    option: K,
    rule: () => { value: V; reason: string },
  ): Exclude<TrainingOptions[K], 'auto'> | V {
    const written = this.options[option];
    if (written !== 'auto') return written as Exclude<TrainingOptions[K], 'auto'>;
    const { value, reason } = rule();
    this.entries.push({ option, value, reason });
    return value;
  }

  /** Replaces a choice that something learned later does not allow; what was written stays. */
  amend(option: AutoOption, value: Choice['value'], reason: string): void {
    const entry = this.entries.find((made) => made.option === option);
    if (entry) Object.assign(entry, { value, reason });
  }

  get choices(): readonly Choice[] {
    return this.entries;
  }
}

/** Lengths of examples in tokens, of all or of the first of them. */
export interface SampledLengths {
  readonly median: number;
  readonly longest: number;
}

const longestAutoBlock = 2048;
const shortestAutoBlock = 64;

/**
 * A power of two that holds the longest example; with packing at least four examples of usual length, since about half
 * an example is left empty in a block. At most 2,048 and the model's context length.
 */
export function chooseBlockLength(
  book: ChoiceBook,
  lengths: SampledLengths,
  packing: boolean,
  contextLength: number,
): number {
  return book.pick('block_length', () => {
    const wanted = Math.max(lengths.longest, packing ? 4 * lengths.median : 0, shortestAutoBlock);
    const value = Math.min(2 ** Math.ceil(Math.log2(wanted)), longestAutoBlock, contextLength);
    const limit = value < lengths.longest ? ', the most that is chosen by itself' : '';
    return {
      value,
      reason: `${value} tokens${limit}: median length ${lengths.median}, longest ${lengths.longest}`,
    };
  });
}

/** Tokens of a micro-batch at which the arithmetic is no longer slowed by being small. */
const microBatchTokens = 1024;
/** Updates that an epoch should have at least, if the data allow. */
const minUpdates = 16;

/** As many blocks as make 1,024 tokens, fewer if an epoch would have less than 16 steps. */
export function chooseBatchSize(
  book: ChoiceBook,
  blockLength: number,
  blocks: number,
  accumulation: number,
): number {
  return book.pick('batch_size', () => {
    const forSpeed = Math.max(1, Math.floor(microBatchTokens / blockLength));
    const forUpdates = Math.max(1, Math.floor(blocks / (minUpdates * accumulation)));
    const value = Math.min(forSpeed, forUpdates, 256);
    return {
      value,
      reason:
        forUpdates < forSpeed
          ? `the data have ${blocks} blocks only: small steps make more of them`
          : `${value * blockLength} tokens at a time compute about as fast per token as more would`,
    };
  });
}

const wantedSteps = 100;
const manySteps = 1000;

/** As many as are usual; up to 10 while that makes fewer than 100 steps, 1 where one alone makes 1,000. */
function chooseEpochs(book: ChoiceBook, stepsPerEpoch: number, usual: number): number {
  return book.pick('n_epochs', () => {
    if (stepsPerEpoch >= manySteps) return { value: 1, reason: `one epoch makes ${stepsPerEpoch} steps` };
    const value = Math.min(10, Math.max(usual, Math.ceil(wantedSteps / stepsPerEpoch)));
    return {
      value,
      reason:
        value === usual ? 'usual for fine-tuning' : `small data: one epoch makes ${stepsPerEpoch} steps`,
    };
  });
}

/**
 * What is usual at the width of a 7B model (4,096), such as QLoRA's 2e-4, and more for narrower models by the square root,
 * as QLoRA's own 1e-4 at 8,192 has it too (Dettmers et al. 2023, table 9). One significant digit.
 */
export function chooseLearningRate(
  book: ChoiceBook,
  hiddenSize: number,
  { learningRate, what }: ObjectiveDeclaration['usual'],
): number {
  return book.pick('learning_rate', () => ({
    value: Number((learningRate * Math.sqrt(4096 / hiddenSize)).toPrecision(1)),
    reason: `${learningRate.toExponential()} is usual for ${what} at width 4096, this model has ${hiddenSize}`,
  }));
}

function chooseWarmup(
  book: ChoiceBook,
  { warmup_ratio: ratio }: TrainingOptions,
  totalSteps: number,
): number {
  // A ratio that was written is no choice of the program's.
  if (ratio !== null) return Math.ceil(ratio * totalSteps);
  return book.pick('warmup_steps', () => ({
    value: Math.ceil(0.03 * totalSteps),
    reason: '3% of all steps, usual for LoRA',
  }));
}

/** What the rules that come last need to know. */
export interface RunFacts {
  readonly hiddenSize: number;
  readonly blocks: number;
  readonly batchSize: number;
  /** Batches of the validation data, 0 if there is none. */
  readonly validationBatches: number;
}

/** Everything that follows from the number of steps. */
export function chooseSchedule(
  book: ChoiceBook,
  options: TrainingOptions,
  { hiddenSize, blocks, batchSize, validationBatches }: RunFacts,
) {
  const { usual } = declarationOf(options.method);
  const blocksPerStep = batchSize * options.gradient_accumulation_steps;
  const stepsPerEpoch = blocks / blocksPerStep;
  const epochs =
    options.max_steps === null
      ? chooseEpochs(book, Number(stepsPerEpoch.toPrecision(3)), usual.epochs)
      : options.max_steps / stepsPerEpoch;
  const totalSteps = options.max_steps ?? Math.max(1, Math.ceil(epochs * stepsPerEpoch - 1e-9));
  const tenth = Math.ceil(totalSteps / 10);
  return {
    learning_rate: chooseLearningRate(book, hiddenSize, usual),
    warmup_steps: chooseWarmup(book, options, totalSteps),
    n_epochs: epochs,
    max_steps: totalSteps,
    eval_steps: book.pick('eval_steps', () =>
      validationBatches === 0
        ? { value: null, reason: 'there is no validation file' }
        : {
            value: Math.max(tenth, validationBatches),
            reason:
              tenth >= validationBatches
                ? 'ten times in the run'
                : `reading ${validationBatches} batches takes time, so that many steps lie between`,
          },
    ),
    sample_steps: book.pick('sample_steps', () => ({
      value: options.sample_prompts.length === 0 ? null : tenth,
      reason: options.sample_prompts.length === 0 ? 'there are no sample prompts' : 'ten times in the run',
    })),
    checkpoint_steps: book.pick('checkpoint_steps', () => ({
      value: Math.min(tenth, 50),
      reason: 'ten times in the run, and at most 50 steps are lost when the machine fails',
    })),
    load_best_model_at_end: book.pick('load_best_model_at_end', () => ({
      value: validationBatches > 0,
      reason:
        validationBatches > 0 ? 'the validation loss tells which is best' : 'there is no validation file',
    })),
    stepsPerEpoch,
  };
}
