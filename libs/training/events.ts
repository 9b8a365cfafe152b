/** What a training run tells while it runs: schemas and types in one. Field names follow transformers' logs. */
import { z } from 'zod';
import { preparationReport } from '#data/block-file.js';
import { examplePiece } from '#training/example-piece.js';
import { chosenOptions } from '#training/chosen-options.js';
import { evaluationMetrics, sample, stepMetrics } from '#training/metrics.js';

const step = z.int().nonnegative();
const bytes = z.number().nonnegative();

/** A value that the program chose where the options say 'auto'. */
export const choice = z.object({
  option: z.string(),
  value: z.union([z.number(), z.boolean(), z.string(), z.null()]),
  reason: z.string(),
});
export type Choice = z.infer<typeof choice>;

/** What the process will need at most, told before the first step. */
export const memoryPrediction = z.object({
  /** What the process held before it loaded the compiled steps. */
  base_bytes: bytes,
  /** Weights of the base model, mapped from their files. */
  weight_bytes: bytes,
  /** Intermediate results at the worst moment. */
  activation_bytes: bytes,
  /** Adapter, moments, inputs and results. */
  state_bytes: bytes,
  peak_bytes: bytes,
  limit_bytes: bytes,
  limit_source: z.string(),
});
export type MemoryPrediction = z.infer<typeof memoryPrediction>;

const trainingEvents = [
  z.object({
    type: z.literal('progress'),
    stage: z.enum(['hash', 'data', 'adapter', 'quantise', 'compile', 'reference', 'load', 'evaluate']),
    done: z.number(),
    total: z.number(),
  }),
  z.object({ type: z.literal('warning'), code: z.string(), message: z.string() }),
  z.object({
    type: z.literal('prepared'),
    training: preparationReport,
    validation: preparationReport.nullable(),
    block_length: z.int(),
    /** The first example as the model reads it, in pieces; trained pieces are what it learns to write. */
    example: z.array(examplePiece),
  }),
  z.object({
    type: z.literal('plan'),
    total_steps: z.int(),
    steps_per_epoch: z.number(),
    trainable_parameters: z.int(),
    adapter_bytes: bytes,
    /** Layers with a low-rank update. */
    modules: z.array(z.object({ path: z.string(), r: z.int(), scale: z.number() })),
    /** Weights of the base that are trained as they are. */
    whole_weights: z.array(z.object({ name: z.string(), shape: z.array(z.int()) })),
    /** Rows of both sides, as far as blocks were made of them. */
    rows: z.object({ training: z.int(), validation: z.int().nullable() }).optional(),
    choices: z.array(choice),
    /** Every value that the run goes by, written or chosen. */
    chosen: chosenOptions,
    memory: memoryPrediction.nullable(),
  }),
  z.object({
    type: z.literal('started'),
    /** Steps that are done already. */
    step,
    total_steps: z.int(),
    /** Folder of the checkpoint that the run goes on from. */
    resumed_from: z.string().nullable(),
  }),
  z.object({ type: z.literal('step'), ...stepMetrics.shape }),
  z.object({ type: z.literal('evaluation'), ...evaluationMetrics.shape }),
  z.object({ type: z.literal('samples'), step, samples: z.array(sample) }),
  z.object({
    type: z.literal('checkpoint'),
    step,
    folder: z.string(),
    /** Whether it is the best by validation loss so far. */
    best: z.boolean(),
  }),
] as const;

export const trainingEvent = z.discriminatedUnion('type', trainingEvents);
export type TrainingEvent = z.infer<typeof trainingEvent>;

/** What a finished run yields; also the content of summary.json. */
export const trainingSummary = z.object({
  steps: z.int(),
  /** Step whose adapter is the result. */
  adapter_step: z.int(),
  adapter_folder: z.string(),
  /** Of adapter_model.safetensors. */
  adapter_sha256: z.string(),
  adapter_bytes: bytes,
  first_evaluation: evaluationMetrics.nullable(),
  last_evaluation: evaluationMetrics.nullable(),
  best_evaluation: z.object({ step, loss: z.number() }).nullable(),
  final_loss: z.number().nullable(),
  /** Tokens of all steps, padding apart. */
  trained_tokens: z.int(),
  /** Of this process, from its start to the result. */
  run_seconds: z.number(),
  /** Largest memory that this process held, pages of weights counted once. */
  peak_bytes: bytes,
  predicted_peak_bytes: bytes.nullable(),
});
export type TrainingSummary = z.infer<typeof trainingSummary>;
