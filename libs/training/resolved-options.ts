/** What a job's options mean: every one with its value, and why it has it. */
import type { LoraConfig } from '#lora/config.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import type { Choice } from '#training/events.js';
import { type BasePrecision, defaultPrecision } from '#training/base-precision/declared.js';
import type { TrainingOptions } from '#training/options.js';

/**
 * Where a value comes from: from the request, a default, a rule that looks at the model and its data, the adapter that
 * training starts from, or the machine of the worker that takes the job first.
 */
export type OptionSource = 'request' | 'default' | 'rule' | 'adapter' | 'machine';

export interface OptionReason {
  /** `learning_rate`, `lora.r`, `device`. */
  readonly option: string;
  /** Null also for what the first worker is to decide. */
  readonly value: unknown;
  readonly reason: string;
  readonly source: OptionSource;
}

/** What a job was asked to be, as it was written. */
export interface RequestedOptions {
  readonly training: Readonly<Record<string, unknown>>;
  /** Null for the defaults, or for what the initial adapter has. */
  readonly lora: Readonly<Record<string, unknown>> | null;
  readonly device: string;
  /** Null where nothing was said, as below. */
  readonly seed: number | null;
  readonly learningRateMultiplier: number | null;
}

/** A job's options as its row keeps them from the day when it is made. */
export interface ResolvedOptions {
  /** `auto` stands only where the first worker decides. */
  readonly training: TrainingOptions;
  /** As it will stand in the adapter; null where only the initial adapter tells. */
  readonly lora: LoraConfig | null;
  /** `auto` until a worker has taken the job. */
  readonly device: string;
  readonly reasons: readonly OptionReason[];
  /** What the first worker decided, which later ones keep; null before. */
  readonly chosen: ChosenOptions | null;
}

/** Options that the machine decides. */
export const machineOptions = ['batch_size', 'recompute', 'memory_limit_bytes', 'threads'] as const;
export const isMachineOption = (option: string) => (machineOptions as readonly string[]).includes(option);
const undecided = 'decided when a worker takes the job, by the memory and processor of its machine';

/** The values of a plan that do not depend on the machine. */
export type PlannedOptions = Pick<
  ChosenOptions,
  | 'learning_rate'
  | 'warmup_steps'
  | 'n_epochs'
  | 'eval_steps'
  | 'sample_steps'
  | 'checkpoint_steps'
  | 'load_best_model_at_end'
  | 'block_length'
>;

/** The options of a job with the values of its plan. What follows from another option that was written stays `auto`. */
export function settledOptions(options: TrainingOptions, planned: PlannedOptions): TrainingOptions {
  const { warmup_steps, n_epochs } = planned;
  return {
    ...options,
    learning_rate: planned.learning_rate,
    block_length: planned.block_length,
    eval_steps: planned.eval_steps,
    sample_steps: planned.sample_steps,
    checkpoint_steps: planned.checkpoint_steps,
    load_best_model_at_end: planned.load_best_model_at_end,
    ...(options.warmup_ratio === null ? { warmup_steps } : {}),
    ...(options.max_steps === null ? { n_epochs } : {}),
  };
}

export interface ExplainedOptions {
  /** As they were asked for. */
  readonly requested: Readonly<Record<string, unknown>>;
  /** With every default. */
  readonly options: TrainingOptions;
  readonly planned: Partial<PlannedOptions>;
  readonly choices: readonly Choice[];
}

/** Why each training option has its value; the seed is explained by `explainSeed`. */
export function explainTraining({ requested, options, planned, choices }: ExplainedOptions): OptionReason[] {
  const values: Readonly<Record<string, unknown>> = { ...options, ...planned };
  return Object.keys(options)
    .filter((option) => option !== 'device' && option !== 'seed')
    .map((option): OptionReason => {
      const value = values[option];
      const choice = choices.find((made) => made.option === option);
      if (isWritten(requested[option])) return { option, value, reason: 'asked for', source: 'request' };
      if (isMachineOption(option)) return { option, value: null, reason: undecided, source: 'machine' };
      if (choice) return { option, value: choice.value, reason: choice.reason, source: 'rule' };
      const origin = { warmup_steps: 'warmup_ratio', n_epochs: 'max_steps' }[option];
      if (origin !== undefined && isWritten(requested[origin]))
        return { option, value, reason: `follows from ${origin}`, source: 'request' };
      return { option, value, reason: 'the default', source: 'default' };
    });
}

/** Why each field of the LoRA configuration has its value; `initAdapter` is the adapter that training starts from. */
export function explainLora(
  requested: Readonly<Record<string, unknown>> | null,
  lora: LoraConfig,
  initAdapter: string | null,
): OptionReason[] {
  return Object.entries(lora).map(([field, value]) => {
    const option = `lora.${field}`;
    if (requested === null && initAdapter !== null)
      return { option, value, reason: `as the adapter ${initAdapter} has it`, source: 'adapter' };
    if (requested && field in requested && (requested[field] ?? null) !== null)
      return { option, value, reason: 'asked for', source: 'request' };
    if (field === 'target_modules')
      return { option, value, reason: 'the default for this architecture', source: 'rule' };
    return { option, value, reason: "PEFT's default", source: 'default' };
  });
}

export function explainSeed(requested: number | null, seed: number): OptionReason {
  return requested === null
    ? { option: 'seed', value: seed, reason: 'the default', source: 'default' }
    : { option: 'seed', value: seed, reason: 'asked for', source: 'request' };
}

export function explainDevice(requested: string, precision: BasePrecision): OptionReason {
  if (precision !== defaultPrecision) {
    const reason = `has the kernels for base_precision ${precision}`;
    return { option: 'device', value: requested, reason, source: 'rule' };
  }
  return requested === 'auto'
    ? {
        option: 'device',
        value: null,
        reason: 'the best one that the first worker with room for the job has',
        source: 'machine',
      }
    : { option: 'device', value: requested, reason: 'asked for', source: 'request' };
}

/** Resolved options after a worker has decided the rest. */
export function decidedOptions(
  resolved: ResolvedOptions,
  {
    device,
    chosen,
    choices,
  }: { readonly device: string; readonly chosen: ChosenOptions; readonly choices: readonly Choice[] },
): ResolvedOptions {
  const reasons = resolved.reasons.map((entry): OptionReason => {
    if (entry.source !== 'machine' && entry.value !== null && entry.value !== 'auto') return entry;
    if (entry.option === 'device')
      return { ...entry, value: device, reason: 'the best one that was free where the job was taken' };
    const choice = choices.find((made) => made.option === entry.option);
    if (choice) return { ...entry, value: choice.value, reason: choice.reason };
    const value = chosen[entry.option as keyof ChosenOptions];
    if (entry.source !== 'machine' || value === undefined) return entry;
    return { ...entry, value, reason: `the only value on ${device}` };
  });
  return { ...resolved, device, chosen, reasons };
}

function isWritten(value: unknown): boolean {
  return value !== undefined && value !== null && value !== 'auto';
}
