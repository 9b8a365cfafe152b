/** The job file of the trainer: everything that one run needs, as one JSON object. */
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { LoraConfigError, loraConfigSchema, parseLoraConfig } from '#lora/config.js';
import { columnsFix, dataForm, formatFix as formFix } from '#data/data-form.js';
import { splitFix, validationSplit } from '#data/data-form.js';
import { type FieldGuide, findProblems, type OptionProblem, throwFindings } from '#base/field-problems.js';
import { chosenOptions } from '#training/chosen-options.js';
import { checkTrainingOptions, trainingOptionsSchema } from '#training/options.js';

const nonEmpty = z.string().min(1);

const fields = {
  /** Folder of the base model in Hugging Face's format. */
  base_model: nonEmpty,
  /** What the adapter calls its base model; default: the folder. */
  base_model_name: nonEmpty.nullable().default(null),
  /** Digest that the base model must have, `sha256:` and 64 hexadecimal digits; default null, any. */
  base_identity: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .nullable()
    .default(null),
  /** JSON lines to learn from. */
  training_file: nonEmpty,
  /** JSON lines to measure the loss on; default null, none. */
  validation_file: nonEmpty.nullable().default(null),
  /** What the training file is, where its bytes do not say it: its format, and columns under the names of fields. */
  training_form: dataForm.nullable().default(null),
  /** The same of the validation file. */
  validation_form: dataForm.nullable().default(null),
  /** Share (below 1) or number of the training rows that validate in place of a validation file; default null, none. */
  validation_split: validationSplit.nullable().default(null),
  /** PEFT's LoraConfig; default null, PEFT's defaults or what the initial adapter has. */
  lora: loraConfigSchema.nullable().default(null),
  /** Training options; default: all defaults. */
  training: trainingOptionsSchema.prefault({}),
  /** What an earlier attempt of the same run chose, which is kept; default null, nothing. */
  chosen: chosenOptions.nullable().default(null),
  /** Folder of an adapter to go on training; default null, a new one. */
  init_adapter: nonEmpty.nullable().default(null),
  /** Folder for everything that the run yields. */
  output_folder: nonEmpty,
  /** Folder for what other runs can use again; default: `cache` in the output folder. */
  cache_folder: nonEmpty.nullable().default(null),
  /** Whether the machine is this run's alone: idle threads then wait busily, which is faster; default false. */
  exclusive: z.boolean().default(false),
  /** Whether to go on from the newest checkpoint in the output folder; default false. */
  resume: z.boolean().default(false),
};

/** A job file; `parseTrainerJob` gives typed errors and whole paths. */
export const trainerJobSchema = z.strictObject(fields);
export type TrainerJobInput = z.input<typeof trainerJobSchema>;

/** A job whose paths are absolute. */
export type TrainerJob = Omit<z.output<typeof trainerJobSchema>, 'base_model_name' | 'cache_folder'> & {
  readonly base_model_name: string;
  readonly cache_folder: string;
};

const path = 'give a path; relative ones start at the folder of the job file';
const guide: FieldGuide = {
  fixes: {
    base_model: path,
    base_model_name: 'give a text, or null',
    base_identity: 'give "sha256:" and 64 hexadecimal digits, or null',
    training_file: path,
    validation_file: `${path}, or null`,
    training_form: `${formFix}; ${columnsFix}`,
    validation_form: `${formFix}; ${columnsFix}`,
    validation_split: splitFix,
    lora: 'give an object, or null',
    training: 'give an object',
    chosen: 'leave it out',
    init_adapter: `${path}, or null`,
    output_folder: path,
    cache_folder: `${path}, or null`,
    exclusive: 'give true or false',
    resume: 'give true or false',
  },
  aliases: {
    model: 'base_model',
    model_name_or_path: 'base_model',
    train_file: 'training_file',
    dataset: 'training_file',
    eval_file: 'validation_file',
    output_dir: 'output_folder',
    cache_dir: 'cache_folder',
    resume_from_checkpoint: 'resume',
    hyperparameters: 'training',
    seed: 'training.seed',
    lora_config: 'lora',
  },
  unsupported: ['integrations', 'method'],
};

/**
 * Checks a job that a person or a program wrote. Relative paths are taken from `folder`.
 *
 * Throws OptionsError `job_invalid` with every problem of the job, its lora configuration and its training options, or
 * UnsupportedError if nothing is wrong but things are asked for that are not done.
 */
export function parseTrainerJob(input: unknown, folder: string): TrainerJob {
  const parsed = trainerJobSchema.safeParse(input);
  if (!parsed.success) throwFindings('job_invalid', 'the job', findJobProblems(parsed.error, input));
  const job = parsed.data;
  const at = (file: string) => resolve(folder, file);
  const atOrNull = (file: string | null) => (file === null ? null : at(file));
  const base = at(job.base_model);
  return {
    ...job,
    base_model: base,
    base_model_name: job.base_model_name ?? base,
    training_file: at(job.training_file),
    validation_file: atOrNull(job.validation_file),
    init_adapter: atOrNull(job.init_adapter),
    output_folder: at(job.output_folder),
    cache_folder: atOrNull(job.cache_folder) ?? join(at(job.output_folder), 'cache'),
  };
}

/** Reads a job file's text; throws LowrankError `job_unreadable` and the errors of `parseTrainerJob`. */
export function parseTrainerJobText(text: string, file: string): TrainerJob {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const message = `the job file ${file} is not JSON: ${(cause as Error).message}`;
    throw new LowrankError('job_unreadable', message, { cause, details: { file } });
  }
  return parseTrainerJob(value, dirname(resolve(file)));
}

/** The rooms below describe their own parts best: their problems are asked for and put under the part's name. */
function findJobProblems(error: z.ZodError, input: unknown) {
  const own = error.issues.filter(({ path: [part] }) => part !== 'lora' && part !== 'training');
  const { problems, refused } = findProblems(new z.ZodError(own), input, guide);
  const parts = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  const all = { problems: [...problems], refused: [...refused] };
  const within = (part: string, found: readonly OptionProblem[], names: readonly string[]) => {
    all.problems.push(...found.map((problem) => ({ ...problem, field: `${part}.${problem.field}` })));
    all.refused.push(...names.map((name) => `${part}.${name}`));
  };
  const training = checkTrainingOptions(parts['training'] ?? {});
  if ('findings' in training) within('training', training.findings.problems, training.findings.refused);
  try {
    parseLoraConfig(parts['lora'] ?? {});
  } catch (cause) {
    if (cause instanceof LoraConfigError) within('lora', cause.problems, []);
    else if (cause instanceof UnsupportedError) within('lora', [], cause.details['options'] as string[]);
    else throw cause;
  }
  return all;
}
