/** Where a run stands between two steps, and what it must agree on with the checkpoint that it goes on from. */
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { canonicalJson } from '#runtime/graph-cache.js';
import { chosenOptions } from '#training/chosen-options.js';
import { evaluationMetrics } from '#training/metrics.js';
import type { TrainingOptions } from '#training/options.js';

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
  /** Digests of the prepared data, and so of their files. */
  training_file: z.string(),
  validation_file: z.string().nullable(),
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

/** Options that do not change what is computed. */
const freeOptions: readonly (keyof TrainingOptions)[] = ['keep_checkpoints', 'memory_limit_bytes', 'threads'];

/**
 * Throws unless a run with this identity computes what the checkpoint's run would have: LowrankError
 * `checkpoint_engine_mismatch`, `base_changed`, or `checkpoint_job_mismatch` naming the field.
 */
export function requireSameRun(folder: string, saved: RunIdentity, current: RunIdentity): void {
  if (saved.engine !== current.engine) {
    throw new LowrankError(
      'checkpoint_engine_mismatch',
      `checkpoint ${folder} was written by ${saved.engine}, this is ${current.engine}, which may round differently: ` +
        'finish the run with that version, or start a new job with the checkpoint as init_adapter',
      { details: { folder, saved: saved.engine, current: current.engine } },
    );
  }
  if (saved.base !== current.base) {
    throw new LowrankError(
      'base_changed',
      `checkpoint ${folder} was trained on the base model ${saved.base}, but the folder now holds ${current.base}: ` +
        'restore the base model, or start a new job',
      { details: { folder, saved: saved.base, current: current.base } },
    );
  }
  const field = differingField(saved, current);
  if (field === undefined) return;
  throw new LowrankError(
    'checkpoint_job_mismatch',
    `checkpoint ${folder} belongs to another job: ${field} differs. ` +
      'Resume with what the run was started with, or start a new job with the checkpoint as init_adapter',
    { details: { folder, field } },
  );
}

function differingField(saved: RunIdentity, current: RunIdentity): string | undefined {
  for (const part of ['training', 'lora'] as const) {
    const names = new Set([...Object.keys(saved[part]), ...Object.keys(current[part])]);
    for (const name of names) {
      if (part === 'training' && (freeOptions as readonly string[]).includes(name)) continue;
      if (canonicalJson(saved[part][name]) !== canonicalJson(current[part][name])) return `${part}.${name}`;
    }
  }
  const rest = ['init_adapter', 'tokenizer', 'chat_template', 'training_file', 'validation_file'] as const;
  return rest.find((name) => saved[name] !== current[name]);
}
