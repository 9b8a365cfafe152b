/** The body that makes a job, or plans one: OpenAI's fields, and ours beside them. */
import { z } from 'zod';
import { isEagerDevice } from '#runtime/device.js';
import { hyperparameters, methodFix, writtenMethods } from '#contracts/http/hyperparameters.js';
import {
  columnsFix,
  dataColumns,
  type DataForm,
  dataFormat,
  formatFix,
  mergedForm,
} from '#data/data-form.js';
import { splitFix, type ValidationSplit, validationSplit } from '#data/data-form.js';
import { boundedRecord } from '#base/bounded-schemas.js';
import { UnsupportedError } from '#base/errors.js';
import { suffixSyntax } from '#contracts/http/compositions.js';
import { objectId } from '#contracts/http/pages.js';
import { type LoraConfig, LoraConfigError, loraConfigSchema, parseLoraConfig } from '#lora/config.js';
import {
  type FieldGuide,
  type Findings,
  findProblems,
  type OptionProblem,
  throwFindings,
} from '#base/field-problems.js';
import {
  checkTrainingOptions,
  deviceFor,
  trainingDevices,
  type TrainingOptions,
  trainingOptionsSchema,
} from '#training/options.js';
import { contradictions } from '#contracts/http/job-contradictions.js';
import {
  type Loose,
  objectOf,
  withoutAuto,
  writtenHyperparameters,
  writtenMethod,
} from '#contracts/http/job-method.js';
import { type Integration, integrations, integrationsFix } from '#trackers/declared/registry.js';
import type { RequestedOptions } from '#training/resolved-options.js';

/** Where a job can be asked to run; `auto` leaves it to the workers. */
export const jobDevices = ['auto', 'cpu', 'webgpu', 'cuda', 'eager', 'tfjs-node', 'tfjs-node-gpu'] as const;
export type JobDevice = (typeof jobDevices)[number];

const maxSeed = Number.MAX_SAFE_INTEGER;
/** Characters of JSON: every answer about a job carries its configuration and its options. */
const maxLoraLength = 65_536;
const maxTrainingLength = 262_144;

const fields = {
  /** Name of a base model, or of a fine-tuned one to go on training. */
  model: objectId,
  /** Id of an uploaded file. */
  training_file: objectId,
  /** Id of an uploaded file to measure the loss on. */
  validation_file: objectId.nullish(),
  /** Share (below 1) or number of the training rows to measure the loss on, in place of a validation file. */
  validation_split: validationSplit.nullish(),
  /** What the files are, where their bytes do not say it; null for what was said at their upload. */
  format: dataFormat.nullish(),
  /** Columns under the names of the fields that they are: `{"prompt": "question"}`. */
  columns: dataColumns.nullish(),
  /** Part of the fine-tuned model's name. */
  suffix: z.string().regex(suffixSyntax).max(64).nullish(),
  seed: z.int().min(0).max(maxSeed).nullish(),
  metadata: boundedRecord(z.string().min(1).max(64), z.string().max(512), 16).nullish(),
  method: writtenMethods.nullish(),
  /** As in `method`; OpenAI calls it deprecated. */
  hyperparameters: hyperparameters.nullish(),
  /** PEFT's LoraConfig; null for PEFT's defaults, or for what the initial adapter has. */
  lora: loraConfigSchema.nullish(),
  /** Training options under our names. */
  training: trainingOptionsSchema.nullish(),
  device: z.enum(jobDevices).nullish(),
  /** Id of an adapter to go on training. */
  init_adapter: objectId.nullish(),
  /** Experiment trackers that are to have the job's curves. */
  integrations: integrations.nullish(),
};

/** For documents and types; `parseJobCreate` reads it with one message for each problem. */
export const jobCreate = z.strictObject(fields).meta({ id: 'CreateFineTuningJob' });
export type JobCreate = z.input<typeof jobCreate>;

/** All but the parts that have readers of their own. */
const outside = z.strictObject({ ...fields, lora: z.unknown().optional(), training: z.unknown().optional() });

/** What a job was asked to be: one place for each thing that OpenAI's fields and ours say. */
export interface JobRequest extends RequestedOptions {
  readonly model: string;
  readonly trainingFile: string;
  readonly validationFile: string | null;
  readonly validationSplit: ValidationSplit | null;
  /** What is said of the files beside their bytes. */
  readonly form: DataForm | null;
  readonly suffix: string | null;
  readonly metadata: Record<string, string> | null;
  readonly lora: Record<string, unknown> | null;
  /** With OpenAI's hyperparameters among them; without `seed` and `device`. */
  readonly training: Record<string, unknown>;
  readonly device: JobDevice;
  readonly initAdapter: string | null;
  readonly integrations: readonly Integration[] | null;
  /** The training options with every default; `auto` stands where a plan or a worker chooses. */
  readonly options: TrainingOptions;
  /** `lora` with every default. */
  readonly loraConfig: LoraConfig;
}

const id = (prefix: string) => `give the id of an uploaded file, such as "${prefix}-..."`;
const hyper =
  'give {"batch_size": 1 to 256, "learning_rate_multiplier": above 0 and at most 1000, "n_epochs": above 0 and at most 1000}, each a number or "auto"';
const guide: FieldGuide = {
  fixes: {
    model: 'give the name of a model that GET /v1/models lists',
    training_file: id('file'),
    validation_file: `${id('file')}, or null`,
    validation_split: splitFix,
    format: formatFix,
    columns: columnsFix,
    suffix: 'give at most 64 letters, digits, ".", "_" or "-", the first a letter or digit',
    seed: `give a whole number from 0 to ${maxSeed}`,
    metadata: 'give at most 16 texts of at most 512 characters under names of at most 64',
    method: `give ${methodFix}; as hyperparameters ${hyper}`,
    hyperparameters: hyper,
    lora: 'give an object, or null',
    training: 'give an object, or null',
    device: `give one of ${jobDevices.join(', ')}`,
    init_adapter: 'give the id of an adapter that GET /v1/adapters lists, or null',
    integrations: integrationsFix,
  },
  aliases: {
    base_model: 'model',
    training_file_id: 'training_file',
    validation_file_id: 'validation_file',
    val_size: 'validation_split',
    test_size: 'validation_split',
    column_mapping: 'columns',
    lora_config: 'lora',
    peft_config: 'lora',
    training_options: 'training',
    n_epochs: 'training.n_epochs',
    learning_rate: 'training.learning_rate',
    beta: 'method.dpo.hyperparameters.beta',
    batch_size: 'training.batch_size',
    r: 'lora.r',
    lora_alpha: 'lora.lora_alpha',
    lora_dropout: 'lora.lora_dropout',
    target_modules: 'lora.target_modules',
  },
  unsupported: [],
};

/** Methods of OpenAI's that are not done here. */
const otherMethods = ['reinforcement'];

/**
 * Reads the body of a job.
 *
 * Throws OptionsError `invalid_request` with every problem of the body, its lora configuration and its training options,
 * or UnsupportedError if nothing is wrong but things are asked for that are not done.
 */
export function parseJobCreate(input: unknown): JobRequest {
  const found = check(input);
  const { options, loraConfig } = found;
  if (found.problems.length + found.refused.length > 0 || !options || !loraConfig)
    throwFindings('invalid_request', 'the job', found);
  const job = input as z.output<z.ZodObject<typeof fields>>;
  const hyper = writtenHyperparameters(job);
  const learns = writtenMethod(job);
  const { seed: trainingSeed, device: trainingDevice, ...training } = objectOf(job.training);
  const seed = job.seed ?? (trainingSeed as number | undefined) ?? null;
  const device = deviceFor(
    options.base_precision,
    job.device ?? (trainingDevice as JobDevice | undefined) ?? 'auto',
  );
  const written = withoutAuto({ batch_size: hyper.batch_size, n_epochs: hyper.n_epochs });
  return {
    model: job.model,
    trainingFile: job.training_file,
    validationFile: job.validation_file ?? null,
    validationSplit: job.validation_split ?? null,
    form: mergedForm({ format: job.format, columns: job.columns }, null),
    suffix: job.suffix ?? null,
    seed,
    metadata: job.metadata ?? null,
    lora: (job.lora as Record<string, unknown> | null | undefined) ?? null,
    training: { ...training, ...written, ...learns },
    learningRateMultiplier:
      typeof hyper.learning_rate_multiplier === 'number' ? hyper.learning_rate_multiplier : null,
    device,
    initAdapter: job.init_adapter ?? null,
    integrations: job.integrations?.length ? job.integrations : null,
    // The devices of one kind have the same rules; the worker that takes the job has the device.
    options: {
      ...options,
      ...written,
      ...learns,
      seed: seed ?? options.seed,
      device: isEagerDevice(device) ? 'eager' : 'cpu',
    },
    loraConfig,
  };
}

interface Checked extends Collected {
  options?: TrainingOptions;
  loraConfig?: LoraConfig;
}

/** Everything that is wrong with a body, or its options with every default. */
function check(body: unknown): Checked {
  const all: Checked = { problems: [], refused: [] };
  const parsed = outside.safeParse(body);
  const method = objectOf(objectOf(body)['method']);
  const isOtherMethod = otherMethods.includes(String(method['type']));
  if (isOtherMethod) all.refused.push('method.type');
  if (!parsed.success) {
    // The rooms below describe their own parts best.
    const apart = ['lora', 'training', ...(isOtherMethod ? ['method'] : [])];
    const own = parsed.error.issues.filter(({ path: [part] }) => !apart.includes(String(part)));
    const { problems, refused } = findProblems(new z.ZodError(own), body, guide);
    all.problems.push(...problems);
    all.refused.push(...refused);
  }
  const { lora, training, device } = objectOf(body) as {
    lora?: unknown;
    training?: unknown;
    device?: unknown;
  };
  const loraConfig = checkLora(lora ?? {}, all);
  if (loraConfig) all.loraConfig = loraConfig;
  const options = training ?? {};
  const advice = 'give fewer or shorter sample_prompts';
  if (isTooLong('training', options, { most: maxTrainingLength, advice }, all)) return all;
  // What a device cannot do is known only with the device beside the options.
  const isBeside =
    (trainingDevices as readonly unknown[]).includes(device) &&
    typeof options === 'object' &&
    !Array.isArray(options);
  const checked = checkTrainingOptions(isBeside ? { device, ...options } : options);
  if ('findings' in checked) addWithin(all, 'training', checked.findings);
  else {
    all.options = checked.options;
    if (parsed.success) all.problems.push(...contradictions(body as Loose));
  }
  return all;
}

interface Collected {
  problems: OptionProblem[];
  refused: string[];
}

function addWithin(all: Collected, part: string, { problems, refused }: Findings): void {
  const under = (field: string) =>
    field === '(all)' || field === '(configuration)' ? part : `${part}.${field}`;
  all.problems.push(...problems.map((problem) => ({ ...problem, field: under(problem.field) })));
  all.refused.push(...refused.map(under));
}

function isTooLong(
  field: string,
  value: unknown,
  { most, advice }: { readonly most: number; readonly advice: string },
  all: Collected,
): boolean {
  const { length } = JSON.stringify(value);
  if (length <= most) return false;
  const problem = `${length} characters of JSON are too many`;
  all.problems.push({ field, problem, fix: `give at most ${most}: ${advice}` });
  return true;
}

function checkLora(lora: unknown, all: Collected): LoraConfig | undefined {
  const advice = 'choose layers by a regular expression in place of a list';
  if (isTooLong('lora', lora, { most: maxLoraLength, advice }, all)) return undefined;
  try {
    return parseLoraConfig(lora);
  } catch (error) {
    if (error instanceof LoraConfigError) {
      addWithin(all, 'lora', { problems: error.problems, refused: [] });
    } else if (error instanceof UnsupportedError) {
      addWithin(all, 'lora', { problems: [], refused: error.details['options'] as string[] });
    } else throw error;
    return undefined;
  }
}
