/** What the trainer process and its parent say to each other over IPC. */
import { z } from 'zod';
import { errorFacts } from '#contracts/error-facts.js';
import { trainingEvent, trainingSummary } from '#training/events.js';

/** What a trainer tells its parent; the last message is `finished`, `failed` or `cancelled`. */
export const trainerMessage = z.discriminatedUnion('type', [
  ...trainingEvent.options,
  z.object({ type: z.literal('finished'), summary: trainingSummary }),
  z.object({ type: z.literal('failed'), error: errorFacts }),
  z.object({ type: z.literal('cancelled') }),
  z.object({ type: z.literal('log'), level: z.enum(['info', 'warn', 'error']), message: z.string() }),
]);
export type TrainerMessage = z.infer<typeof trainerMessage>;

/** What a parent asks of its trainer. */
export const trainerCommand = z.discriminatedUnion('type', [
  /** The job of a trainer that was started with `--wait`. */
  z.object({ type: z.literal('run'), job_file: z.string(), resume: z.boolean() }),
  /** Stop between two micro-batches, after a checkpoint of the steps that are done if `checkpoint` says so. */
  z.object({ type: z.literal('cancel'), checkpoint: z.boolean() }),
  /** Write a checkpoint after the running step. */
  z.object({ type: z.literal('checkpoint-now') }),
]);
export type TrainerCommand = z.infer<typeof trainerCommand>;
