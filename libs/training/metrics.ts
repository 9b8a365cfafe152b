/** What is measured while a run trains. Field names follow transformers' logs. Read in browsers too: imports zod only. */
import { z } from 'zod';
import {
  declarations,
  evaluationMetricsOfAll,
  stepMetricsOfAll,
} from '#training/objectives/declared/registry.js';

const step = z.int().nonnegative();

/** One optimizer step, counted from 1. */
export const stepMetrics = z.object({
  step,
  /** Passes over the training data done after the step. */
  epoch: z.number(),
  /** Of the whole step, before its update. */
  loss: z.number(),
  ...z.object(stepMetricsOfAll).partial().shape,
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
  /** Of all the data. */
  loss: z.number(),
  ...z.object(evaluationMetricsOfAll).partial().shape,
  loss_tokens: z.int(),
  /** Whether no evaluation of this run after the start gave less. */
  best: z.boolean(),
});
export type EvaluationMetrics = z.infer<typeof evaluationMetrics>;

/** The metrics of an objective that a record holds, as one line of text with `separator` between them; empty for none. */
export function metricsText(
  kind: 'step' | 'evaluation',
  values: Readonly<Record<string, unknown>>,
  separator: string,
): string {
  const known = new Map(
    declarations.flatMap(({ texts }) => texts[kind].map(({ metric, digits }) => [metric, digits] as const)),
  );
  return [...known]
    .flatMap(([metric, digits]) => {
      const value = values[metric];
      return typeof value === 'number' ? [`${separator}${metric} ${value.toFixed(digits)}`] : [];
    })
    .join('');
}

/** One answer to a sample prompt. */
export const sample = z.object({
  /** The prompt as the model read it. */
  prompt: z.string(),
  answer: z.string(),
  finish_reason: z.enum(['stop', 'length']),
});
export type Sample = z.infer<typeof sample>;
