/** Fine-tuning jobs as they are answered: OpenAI's object, and ours beside its fields. */
import { z } from 'zod';
import { shownHyperparameters, shownMethods } from '#contracts/http/hyperparameters.js';
import { requestedOptions, resolvedOptions } from '#contracts/http/job-options.js';
import { chosenOption } from '#contracts/http/plans.js';
import { order, pageOf, pageQuery, unixSeconds } from '#contracts/http/pages.js';
import { wholeWeight } from '#contracts/http/plans.js';

/** OpenAI's states and `paused`, which OpenAI's own example uses. */
export const jobStatus = z.enum([
  'validating_files',
  'queued',
  'running',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
]);
export type JobStatus = z.infer<typeof jobStatus>;

/** How far a job has come. */
export const jobProgress = z
  .object({
    /** Optimizer steps that are done. */
    step: z.int(),
    total_steps: z.int().nullable(),
    tokens_per_second: z.number().nullable(),
    /** Training loss of the last step that was written; null before the first one. */
    loss: z.number().nullable().default(null),
    /** Judged by the speed so far; null while that is not known, and when nothing runs. */
    seconds_left: z.number().nullable(),
  })
  .meta({ id: 'JobProgress' });

/** Why a queued job does not run, or what a running one waits for. */
export const waitingReason = z
  .object({
    /** Such as `device_missing`, `device_busy`, `job_too_large`, `driver_missing`, `disk_full`, `store_full`, `base_model_missing`. */
    code: z.string(),
    message: z.string(),
    /** When this reason began. */
    since: unixSeconds,
    /** When it is tried again, where that has a time. */
    retry_at: unixSeconds.nullable(),
    /** Ids of this project's jobs that keep the devices busy; three at most. */
    jobs: z.array(z.string()),
  })
  .meta({ id: 'WaitingReason' });
export type WaitingReasonObject = z.infer<typeof waitingReason>;

/** What the trainer made of a job before its first step. */
export const jobPlan = z.looseObject({
  total_steps: z.int(),
  trainable_parameters: z.int(),
  adapter_bytes: z.number(),
  modules: z.array(z.object({ path: z.string(), r: z.int(), scale: z.number() })),
  /** None in plans of versions that did not tell. */
  whole_weights: z.array(wholeWeight).default([]),
  /** Rows that are learned from, and those that the loss is measured on. */
  rows: z.object({ training: z.int(), validation: z.int().nullable() }).optional(),
});

const loose = z.record(z.string(), z.unknown());

export const jobObject = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job'),
    created_at: unixSeconds,
    finished_at: unixSeconds.nullable(),
    /** Name of the base model. */
    model: z.string(),
    fine_tuned_model: z.string().nullable(),
    organization_id: z.string(),
    result_files: z.array(z.string()),
    status: jobStatus,
    trained_tokens: z.int().nullable(),
    training_file: z.string(),
    validation_file: z.string().nullable(),
    /** Share or number of the training rows that validate; `plan.rows` says how many there are on each side. */
    validation_split: z.number().nullish(),
    /** What was said of the training file beside its bytes. */
    format: z.string().nullish(),
    columns: z.record(z.string(), z.string()).nullish(),
    hyperparameters: shownHyperparameters,
    seed: z.int(),
    error: z.object({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
    estimated_finish: unixSeconds.nullable(),
    method: shownMethods,
    integrations: z.array(z.looseObject({ type: z.string() })),
    metadata: z.record(z.string(), z.string()).nullable(),
    suffix: z.string().nullable(),
    /** The same under OpenAI's older name. */
    user_provided_suffix: z.string().nullish(),
    /** PEFT's LoraConfig as it was asked for; null for the defaults. */
    lora: loose.nullable(),
    /** Training options as they were asked for. */
    training: loose,
    /** What was asked for, in one place. */
    requested: requestedOptions,
    /** What it means: every option with its value and the reason. */
    resolved: resolvedOptions,
    device: z.string(),
    init_adapter: z.string().nullable(),
    /** Id of the adapter that the job made. */
    adapter: z.string().nullable(),
    progress: jobProgress,
    /** Place in the queue of a queued job: 1 is the next; null for one that waits for more than its turn, and otherwise. */
    position: z.int().nullable(),
    /** Why a queued job does not run; null if nothing is known against it, and otherwise. */
    waiting: waitingReason.nullable(),
    /** Tries so far; more than one after a worker died or handed over. */
    attempt: z.int(),
    started_at: unixSeconds.nullable(),
    /** Whether a running job was asked to stop and has not stopped yet. */
    cancel_requested: z.boolean(),
    pause_requested: z.boolean(),
    /** What the trainer planned: modules, parameters, adapter bytes, memory; null until it is known. */
    plan: jobPlan.nullable(),
    /** Values that were chosen where the options said `auto`, with reasons; null until they are known. */
    choices: z.array(chosenOption).nullable(),
  })
  .meta({ id: 'FineTuningJob' });
export type JobObject = z.infer<typeof jobObject>;

export const jobPage = pageOf(jobObject).meta({ id: 'FineTuningJobPage' });

const metadataKey = /^metadata\[([^[\]]{1,64})\]$/;

const listFields = {
  ...pageQuery(20),
  order: order.default('desc'),
  status: jobStatus.optional(),
  metadata: z.literal('null').optional(),
};

/** `metadata[key]=value` filters by one entry, `metadata=null` by having none; `metadataFilter` takes them apart. */
export const jobListQuery = z
  .object(listFields)
  .catchall(z.string().max(512))
  .superRefine((query, context) => {
    const unexpected = Object.keys(query).filter((name) => !(name in listFields) && !metadataKey.test(name));
    if (unexpected.length > 0)
      context.addIssue({ code: 'unrecognized_keys', keys: unexpected, input: query });
  });

/** The metadata that a query asks for; undefined where it asks for none, null where it asks for jobs without. */
export function metadataFilter(
  query: Readonly<Record<string, unknown>>,
): Record<string, string> | null | undefined {
  if (query['metadata'] === 'null') return null;
  const entries = Object.entries(query).flatMap(([name, value]) => {
    const key = metadataKey.exec(name)?.[1];
    return key === undefined ? [] : [[key, String(value)] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
