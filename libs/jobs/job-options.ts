/** The options of a job, read from its row: the one place that knows what rows of older versions lack. */
import { parseLoraConfig } from '#lora/config.js';
import type { Job } from '#platform/database/entities/job.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import type { Choice } from '#training/events.js';
import { checkTrainingOptions, parseTrainingOptions, type TrainingOptions } from '#training/options.js';
import {
  explainDevice,
  explainLora,
  explainSeed,
  explainTraining,
  type RequestedOptions,
  type ResolvedOptions,
} from '#training/resolved-options.js';

const defaults = parseTrainingOptions({});

export type OptionsRow = Readonly<
  Pick<Job, 'requested' | 'resolved' | 'training' | 'lora' | 'device' | 'seed' | 'choices' | 'initAdapterId'>
>;

/** What a job was asked to be. */
export function requestedOf({ requested, training, lora, device, seed }: OptionsRow): RequestedOptions {
  return requested ?? { training, lora, device, seed, learningRateMultiplier: null };
}

/** What that means. `auto` stands where the trainer of an older job chooses, as well as where the first worker decides. */
export function resolvedOf(row: OptionsRow): ResolvedOptions {
  if (row.resolved) {
    // Older versions do as the defaults of what they do not know say.
    return { ...row.resolved, training: { ...defaults, ...row.resolved.training } };
  }
  const { lora: written, device, seed, initAdapterId } = row;
  const choices = (row.choices ?? []) as unknown as Choice[];
  const training = { ...optionsOf(row), seed };
  const lora = written === null && initAdapterId !== null ? null : loraOf(written);
  return {
    training,
    lora,
    device,
    reasons: [
      ...explainTraining({ requested: row.training, options: training, planned: {}, choices }),
      ...(lora ? explainLora(written, lora, initAdapterId) : []),
      explainSeed(seed, seed),
      explainDevice(device, training.base_precision),
    ],
    chosen: null,
  };
}

/** What an earlier attempt decided, once there is a step to go on from; null before. */
export function keptDecisions({
  step,
  ...row
}: OptionsRow & Readonly<Pick<Job, 'step'>>): ChosenOptions | null {
  return step > 0 ? resolvedOf(row).chosen : null;
}

/** Options that this version does not take are shown as they were written; a trainer says what is wrong with them. */
function optionsOf({ training }: OptionsRow): TrainingOptions {
  const checked = checkTrainingOptions(training);
  return 'options' in checked ? checked.options : { ...defaults, ...training };
}

function loraOf(written: Record<string, unknown> | null) {
  try {
    return parseLoraConfig(written ?? {});
  } catch {
    return null;
  }
}
