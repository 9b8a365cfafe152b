/** What a training run tells while it runs: schemas and types in one. Field names follow transformers' logs. */
import { z } from 'zod';
import { preparationReport } from '#data/block-file.js';

const step = z.int().nonnegative();
const bytes = z.number().nonnegative();

/** One optimizer step, counted from 1. */
export const stepMetrics = z.object({
  step,
  /** Passes over the training data done after the step. */
  epoch: z.number(),
  /** Mean cross-entropy over the targets of the step, in nats, before its update. */
  loss: z.number(),
  /** Share of the targets that were the likeliest token. */
  accuracy: z.number(),
  /** Norm of the gradient before clipping. */
  grad_norm: z.number(),
  learning_rate: z.number(),
  /** Tokens in the step's blocks, padding apart. */
  tokens: z.int(),
  /** Tokens that were predicted. */
  loss_tokens: z.int(),
  tokens_per_second: z.number(),
});
export type StepMetrics = z.infer<typeof stepMetrics>;

/** One pass over the validation data with the adapter as it stands after a step; step 0 is the start. */
export const evaluationMetrics = z.object({
  step,
  epoch: z.number(),
  /** Mean cross-entropy over all targets, in nats. */
  loss: z.number(),
  accuracy: z.number(),
  /** e^loss. */
  perplexity: z.number(),
  loss_tokens: z.int(),
  /** Whether no evaluation of this run after the start gave less. */
  best: z.boolean(),
});
export type EvaluationMetrics = z.infer<typeof evaluationMetrics>;

/** One answer to a sample prompt. */
export const sample = z.object({
  /** The prompt as the model read it. */
  prompt: z.string(),
  answer: z.string(),
  finish_reason: z.enum(['stop', 'length']),
});
export type Sample = z.infer<typeof sample>;

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
    stage: z.enum(['hash', 'data', 'compile', 'load', 'evaluate']),
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
    example: z.array(z.object({ text: z.string(), trained: z.boolean() })),
  }),
  z.object({
    type: z.literal('plan'),
    total_steps: z.int(),
    steps_per_epoch: z.number(),
    trainable_parameters: z.int(),
    adapter_bytes: bytes,
    modules: z.array(z.object({ path: z.string(), r: z.int(), scale: z.number() })),
    choices: z.array(choice),
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
