/** Where a run stands between two steps, and what it must agree on with the checkpoint that it goes on from. */
import { z } from 'zod';
import { chosenOptions } from '#training/chosen-options.js';
import { evaluationMetrics } from '#training/metrics.js';

const step = z.int().nonnegative();

/** How far a run has come. Every number that is drawn follows from it and the seed. */
export const runProgress = z.object({
  /** Optimizer steps done. */
  step,
  /** Micro-batches done, which number the dropout masks. */
  micro_step: step,
  /** Where the next block of the training data comes from. */
  cursor: z.object({ epoch: step, index: step }),
  /** Last step after which was evaluated, -1 for none; sampled_step likewise. */
  evaluated_step: z.int(),
  sampled_step: z.int(),
  /** Of the evaluations after a step. */
  best: z.object({ step, loss: z.number() }).nullable(),
  first_evaluation: evaluationMetrics.nullable(),
  last_evaluation: evaluationMetrics.nullable(),
  last_loss: z.number().nullable(),
  trained_tokens: z.int(),
});
export type RunProgress = z.infer<typeof runProgress>;

export const startOfRun: RunProgress = {
  step: 0,
  micro_step: 0,
  cursor: { epoch: 0, index: 0 },
  evaluated_step: -1,
  sampled_step: -1,
  best: null,
  first_evaluation: null,
  last_evaluation: null,
  last_loss: null,
  trained_tokens: 0,
};

/** What a run is made of, fixed at its start. */
export const runIdentity = z.object({
  /** See `engineVersion`. */
  engine: z.string(),
  /** Digest of the base model's files. */
  base: z.string(),
  /** The training options as they were written. */
  training: z.record(z.string(), z.unknown()),
  lora: z.record(z.string(), z.unknown()),
  /** SHA-256 of the weights of the adapter that training started from. */
  init_adapter: z.string().nullable(),
  tokenizer: z.string(),
  chat_template: z.string(),
  /** Digests of what the prepared data were made from: file, tokenizer, chat template, block length. */
  training_file: z.string(),
  validation_file: z.string().nullable(),
  /** Digests of the prepared data themselves; older checkpoints have none. */
  training_tokens: z.string().optional(),
  validation_tokens: z.string().nullish(),
  /** Digests of what the reference of the objective says of the data; missing for objectives that have none. */
  reference: z.array(z.string()).optional(),
});
export type RunIdentity = z.infer<typeof runIdentity>;

/** Where the numbers of a run were computed; on another machine the last bits may differ. */
export const machineFacts = z.object({
  device: z.string(),
  threads: z.int(),
  cpu: z.string(),
  arch: z.string(),
});
export type MachineFacts = z.infer<typeof machineFacts>;

/** What state.json holds. */
export const checkpointState = z.object({
  format: z.literal(1),
  identity: runIdentity,
  /** What the program chose at the start of the run. */
  chosen: chosenOptions,
  /** The day that chat templates see. */
  template_date: z.string(),
  progress: runProgress,
  /** Steps up to this one are in metrics.jsonl. */
  metrics_step: step,
  machine: machineFacts,
});
export type CheckpointState = z.infer<typeof checkpointState>;
