/** Whether a run may go on from a checkpoint: whether it computes what the checkpoint's run would have. */
import { LowrankError } from '#base/errors.js';
import type { BlockStore } from '#data/block-store.js';
import { epochOrder } from '#data/shuffle.js';
import { parseLoraConfig } from '#lora/config.js';
import { canonicalJson } from '#runtime/graph-cache.js';
import { parseTrainingOptions, type TrainingOptions } from '#training/options.js';
import type { CheckpointState, RunIdentity } from '#training/run-state.js';

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
  if (field === undefined) return requireSameTokens(folder, saved, current);
  throw new LowrankError(
    'checkpoint_job_mismatch',
    `checkpoint ${folder} belongs to another job: ${field} differs. ` +
      'Resume with what the run was started with, or start a new job with the checkpoint as init_adapter',
    { details: { folder, field } },
  );
}

/** Versions that did not know an option did as its default says. */
const defaults: Readonly<Record<'training' | 'lora', Readonly<Record<string, unknown>>>> = {
  training: parseTrainingOptions({}),
  lora: { ...parseLoraConfig({}) },
};

function differingField(saved: RunIdentity, current: RunIdentity): string | undefined {
  for (const part of ['training', 'lora'] as const) {
    const names = new Set([...Object.keys(saved[part]), ...Object.keys(current[part])]);
    for (const name of names) {
      if (part === 'training' && (freeOptions as readonly string[]).includes(name)) continue;
      const before = name in saved[part] ? saved[part][name] : defaults[part][name];
      if (canonicalJson(before) !== canonicalJson(current[part][name])) return `${part}.${name}`;
    }
  }
  const rest = ['init_adapter', 'tokenizer', 'chat_template', 'training_file', 'validation_file'] as const;
  return rest.find((name) => saved[name] !== current[name]);
}

function requireSameTokens(folder: string, saved: RunIdentity, current: RunIdentity): void {
  for (const part of ['training', 'validation'] as const) {
    const before = saved[`${part}_tokens`];
    if (before && before !== current[`${part}_tokens`]) throw readOtherwise(folder, saved, `${part}_file`);
  }
}

/**
 * Throws LowrankError `checkpoint_engine_mismatch` unless `training` holds as many tokens as the run has learned so far.
 * Of use where a checkpoint has no digest of the tokens: a version that reads a file otherwise finds another number.
 */
export function requireSameCount(
  folder: string,
  { identity, progress }: CheckpointState,
  training: Pick<BlockStore, 'blockCount' | 'readBlock'>,
  seed: number,
): void {
  if (identity.training_tokens !== undefined) return;
  const { epoch, index } = progress.cursor;
  let tokens =
    epoch *
    tokensOf(
      training,
      Array.from({ length: training.blockCount }, (_, block) => block),
    );
  tokens += tokensOf(training, [...epochOrder(seed, epoch, training.blockCount)].slice(0, index));
  if (tokens !== progress.trained_tokens) throw readOtherwise(folder, identity, 'training_file');
}

/** Padding is no token. */
function tokensOf(store: Pick<BlockStore, 'readBlock'>, blocks: readonly number[]): number {
  let count = 0;
  for (const block of blocks) for (const segment of store.readBlock(block).segments) if (segment > 0) count++;
  return count;
}

function readOtherwise(folder: string, { engine }: RunIdentity, field: string): LowrankError {
  return new LowrankError(
    'checkpoint_engine_mismatch',
    `checkpoint ${folder} was written by an earlier version (${engine}), which made other tokens of ${field}: ` +
      'finish the run with that version, or start a new job with the checkpoint as init_adapter',
    { details: { folder, field, saved: engine } },
  );
}
