/** What a worker asks of a trainer process, and what a trainer tells on the way. */
import { z } from 'zod';
import { errorFacts } from '#contracts/error-facts.js';
import type { Methods } from '#contracts/process-calls.js';
import { trainingEvent, trainingSummary } from '#training/events.js';

/** What a trainer tells while it trains. */
export const trainerUpdate = z.discriminatedUnion('type', [
  ...trainingEvent.options,
  z.object({ type: z.literal('log'), level: z.enum(['info', 'warn', 'error']), message: z.string() }),
]);
export type TrainerUpdate = z.infer<typeof trainerUpdate>;

/** How a training ends that does not fail. */
export const trainerEnd = z.discriminatedUnion('type', [
  z.object({ type: z.literal('finished'), summary: trainingSummary }),
  z.object({ type: z.literal('cancelled') }),
]);
export type TrainerEnd = z.infer<typeof trainerEnd>;

/** Everything that a training tells, in order: the last one is its end. */
export const trainerMessage = z.discriminatedUnion('type', [
  ...trainerUpdate.options,
  ...trainerEnd.options,
  z.object({ type: z.literal('failed'), error: errorFacts }),
]);
export type TrainerMessage = z.infer<typeof trainerMessage>;

/** A trainer takes one job. */
export const trainerMethods = {
  train: {
    input: z.object({ job_file: z.string(), resume: z.boolean() }),
    update: trainerUpdate,
    result: trainerEnd,
  },
  /** Stops the training between two micro-batches, after a checkpoint of the steps that are done if `checkpoint` says so. */
  stop: { input: z.object({ checkpoint: z.boolean() }), update: z.never(), result: z.null() },
  /** Writes a checkpoint after the running step. */
  checkpoint: { input: z.null(), update: z.never(), result: z.null() },
} satisfies Methods;
