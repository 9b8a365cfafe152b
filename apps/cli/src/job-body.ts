/** The job that a command line or a JSON file describes. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { JobCreate } from '#contracts/http/job-create.js';
import { type DataForm, formatNames } from '#data/data-form.js';
import { LowrankError } from '#base/errors.js';
import { isId } from '#platform/ids.js';
import { basePrecisions } from '#training/base-precision/declared.js';
import { declarations } from '#training/objectives/declared/registry.js';
import type { UploadProgress } from '#client/transport.js';
import type { CommandContext } from './context.js';
import { byteSize } from './format.js';
import { StatusLine } from './progress-bar.js';
import { uploadFile } from './upload-file.js';

export interface JobFlags {
  readonly job?: string;
  readonly model?: string;
  readonly data?: string;
  readonly validation?: string;
  readonly validationSplit?: string;
  readonly format?: string;
  readonly column?: readonly string[];
  readonly r?: string;
  readonly alpha?: string;
  readonly dropout?: string;
  readonly targetModules?: string;
  readonly epochs?: string;
  readonly steps?: string;
  readonly learningRate?: string;
  readonly batchSize?: string;
  readonly blockLength?: string;
  readonly seed?: string;
  readonly device?: string;
  readonly basePrecision?: string;
  readonly suffix?: string;
  readonly from?: string;
  readonly method?: string;
  readonly hyper?: readonly string[];
  readonly set?: readonly string[];
  readonly lora?: readonly string[];
  readonly metadata?: readonly string[];
  readonly wandbProject?: string;
  readonly mlflowExperiment?: string;
}

/** A job whose files may still be paths on this disk. */
export type DraftJob = Record<string, unknown>;

const trainingFlags = {
  epochs: 'n_epochs',
  steps: 'max_steps',
  learningRate: 'learning_rate',
  batchSize: 'batch_size',
  blockLength: 'block_length',
  basePrecision: 'base_precision',
} as const;
const loraFlags = {
  r: 'r',
  alpha: 'lora_alpha',
  dropout: 'lora_dropout',
  targetModules: 'target_modules',
} as const;

export function addJobFlags(command: Command): Command {
  return command
    .option('--job <file>', 'JSON file with the body of the job; flags win over it')
    .option('--model <name>', 'base model, or a fine-tuned one to go on training')
    .option('--data <file>', 'training data: a file of JSON lines, or the id of an uploaded one')
    .option('--validation <file>', 'validation data, likewise')
    .option('--validation-split <share>', 'share, or number, of the training rows that validate instead')
    .option('--format <name>', `what the data are, where it is not seen: ${formatNames.join(', ')}`)
    .option('--column <field=name>', 'the column that is a field of rows, again and again', gather)
    .option('--r <number>', 'rank of the adapter')
    .option('--alpha <number>', 'lora_alpha: the scale is alpha / rank')
    .option('--dropout <share>', 'lora_dropout')
    .option('--target-modules <names>', 'layers to adapt: names with commas between them, or all-linear')
    .option('--epochs <number>', 'passes over the training data')
    .option('--steps <number>', 'optimizer steps, instead of epochs')
    .option('--learning-rate <number>', 'peak learning rate')
    .option('--batch-size <number>', 'blocks in a micro-batch')
    .option('--block-length <number>', 'tokens in a block')
    .option('--seed <number>', 'of everything random')
    .option('--device <name>', 'cpu, webgpu, cuda, eager, tfjs-node or tfjs-node-gpu')
    .option('--base-precision <name>', `numbers of the frozen base model: ${basePrecisions.join(', ')}`)
    .option('--suffix <text>', "part of the fine-tuned model's name")
    .option('--from <adapter>', 'id of an adapter to go on training')
    .option('--method <name>', `what is learned: ${declarations.map(({ type }) => type).join(' or ')}`)
    .option('--hyper <name=value>', 'a hyperparameter of the method, such as beta, again and again', gather)
    .option('--set <name=value>', 'any other training option, again and again', gather)
    .option('--lora <name=value>', 'any other field of the LoRA configuration, again and again', gather)
    .option('--wandb-project <name>', 'project of Weights & Biases, for a run that wandb sync takes')
    .option('--mlflow-experiment <name>', 'experiment of MLflow, where the server tells one')
    .option('--metadata <name=value>', 'a text to keep with the job, again and again', gather);
}

/** Values of a flag that may be given again and again. */
export function gather(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Puts flags and file together. Throws LowrankError `job_unreadable` or `usage`; the server checks the values. */
export async function readDraft(flags: JobFlags): Promise<DraftJob> {
  const file = flags.job === undefined ? {} : await readJobFile(flags.job);
  const written = objectOf(file['training']);
  // One of the two says how long to train; the flag wins.
  if (flags.steps !== undefined) delete written['n_epochs'];
  if (flags.epochs !== undefined) delete written['max_steps'];
  const training = {
    ...written,
    ...named(flags, trainingFlags),
    ...assignments('--set', flags.set, valueOf),
  };
  const lora = {
    ...objectOf(file['lora']),
    ...named(flags, loraFlags),
    ...assignments('--lora', flags.lora, valueOf),
  };
  const metadata = { ...objectOf(file['metadata']), ...assignments('--metadata', flags.metadata, String) };
  const given = {
    model: flags.model,
    training_file: flags.data,
    validation_file: flags.validation,
    validation_split: flags.validationSplit === undefined ? undefined : valueOf(flags.validationSplit),
    format: flags.format,
    seed: flags.seed === undefined ? undefined : valueOf(flags.seed),
    device: flags.device,
    suffix: flags.suffix,
    init_adapter: flags.from,
  };
  const draft: DraftJob = { ...file, ...withoutUndefined(given) };
  const method = methodOf(file['method'], flags);
  if (method) draft['method'] = method;
  if (Object.keys(training).length > 0) draft['training'] = training;
  if (Object.keys(lora).length > 0) draft['lora'] = lora;
  const columns = { ...objectOf(file['columns']), ...assignments('--column', flags.column, String) };
  if (Object.keys(columns).length > 0) draft['columns'] = columns;
  if (Object.keys(metadata).length > 0) draft['metadata'] = metadata;
  const integrations = integrationsOf(file['integrations'], flags);
  if (integrations) draft['integrations'] = integrations;
  requireField(draft, 'model', '--model NAME');
  requireField(draft, 'training_file', '--data FILE');
  return draft;
}

/** The method of the flags; what a file says of the same one stays. */
function methodOf(written: unknown, { method: flag, hyper }: JobFlags): DraftJob | undefined {
  const given = assignments('--hyper', hyper, valueOf);
  const before = objectOf(written);
  const type = flag ?? before['type'];
  if (type === undefined && Object.keys(given).length === 0) return undefined;
  if (typeof type !== 'string') throw new LowrankError('usage', '--hyper is for a method: give --method too');
  const own = objectOf(type === before['type'] ? before[type] : undefined);
  const hyperparameters = { ...objectOf(own['hyperparameters']), ...given };
  return { type, [type]: { ...own, hyperparameters } };
}

/** The trackers of a file, with what the flags say of theirs. */
function integrationsOf(
  written: unknown,
  { wandbProject, mlflowExperiment }: JobFlags,
): DraftJob[] | undefined {
  const given = {
    ...(wandbProject === undefined ? {} : { wandb: { project: wandbProject } }),
    ...(mlflowExperiment === undefined ? {} : { mlflow: { experiment: mlflowExperiment } }),
  };
  if (Object.keys(given).length === 0) return undefined;
  const before = (Array.isArray(written) ? written : []).map(objectOf);
  const others = before.filter(({ type }) => !(String(type) in given));
  const own = Object.entries(given).map(([type, settings]) => {
    const earlier = objectOf(before.find((each) => each['type'] === type)?.[type]);
    return { type, [type]: { ...earlier, ...settings } };
  });
  return [...others, ...own];
}

/** Uploads the files that are paths and puts their ids in place; shows how far it is on a terminal. */
export async function uploadFiles(
  { client, output, signal }: Pick<CommandContext, 'client' | 'output' | 'signal'>,
  draft: DraftJob,
): Promise<JobCreate> {
  const body: DraftJob = { ...draft };
  const form = { format: body['format'], columns: body['columns'] } as DataForm;
  for (const field of ['training_file', 'validation_file']) {
    const file = body[field];
    if (typeof file !== 'string' || (isId('file', file) && !existsSync(file))) continue;
    output.note(`uploading ${file}`);
    const bar = StatusLine.on(output);
    const onProgress = ({ sentBytes, totalBytes }: UploadProgress) =>
      bar?.show(
        sentBytes < totalBytes
          ? `${byteSize(sentBytes)} of ${byteSize(totalBytes)}`
          : 'the server checks the file',
      );
    try {
      body[field] = (await uploadFile(client, file, { signal, onProgress, ...form })).id;
    } finally {
      bar?.clear();
    }
  }
  return body as unknown as JobCreate;
}

async function readJobFile(file: string): Promise<DraftJob> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const problem = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new LowrankError('job_unreadable', `the job file ${file} ${problem}: ${(cause as Error).message}`, {
      cause,
      details: { file },
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LowrankError('job_unreadable', `the job file ${file} holds no JSON object`, {
      details: { file },
    });
  }
  const job: DraftJob = { ...value };
  for (const field of ['training_file', 'validation_file']) {
    const path = job[field];
    if (typeof path === 'string' && !isId('file', path)) job[field] = resolve(dirname(file), path);
  }
  return job;
}

function requireField(draft: DraftJob, field: string, flag: string): void {
  if (draft[field] !== undefined) return;
  throw new LowrankError('usage', `${field} is missing: give ${flag}, or a --job file that has it`, {
    details: { field },
  });
}

function named(flags: JobFlags, names: Readonly<Record<string, string>>): DraftJob {
  const entries = Object.entries(names).flatMap(([flag, field]) => {
    const text = flags[flag as keyof JobFlags];
    if (typeof text !== 'string') return [];
    return [[field, field === 'target_modules' ? moduleNames(text) : valueOf(text)] as const];
  });
  return Object.fromEntries(entries);
}

/** Names, or one text: all-linear, or a regular expression. */
function moduleNames(text: string): string | string[] {
  return /^[\w.]+(,[\w.]+)*$/.test(text) ? text.split(',') : text;
}

/** Values of flags such as `--set NAME=VALUE`. Throws LowrankError `usage`. */
export function assignments(
  flag: string,
  given: readonly string[] | undefined,
  parse: (text: string) => unknown,
): DraftJob {
  const entries = (given ?? []).map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new LowrankError('usage', `${flag} ${text}: write ${flag} NAME=VALUE`);
    return [text.slice(0, at), parse(text.slice(at + 1))] as const;
  });
  return Object.fromEntries(entries);
}

/** A number, true, a list ... where it reads as JSON, otherwise the text. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function objectOf(value: unknown): DraftJob {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function withoutUndefined(entries: DraftJob): DraftJob {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}
