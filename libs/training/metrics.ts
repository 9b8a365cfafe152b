/** What is measured while a run trains. Field names follow transformers' logs. Read in browsers too: imports zod only. */
import { z } from 'zod';

const step = z.int().nonnegative();

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
