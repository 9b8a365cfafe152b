/** The form of a new job, and the request that it stands for. */
import type { JobCreate } from '#contracts/http/job-create.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { PlanObject } from '#contracts/http/plans.js';
import { type BasePrecision, defaultPrecision } from '#training/base-precision/declared.js';
import { dataBody, type DataFields, dataFieldsOf, noDataFields } from './data-fields.js';
import { defaultMethod, type Method, type MethodType } from '#training/objectives/declared/registry.js';

export interface JobForm extends DataFields {
  readonly model: string;
  readonly trainingFile: string;
  readonly validationFile: string;
  readonly r: string;
  readonly alpha: string;
  readonly dropout: string;
  readonly targets: string;
  readonly epochs: string;
  readonly steps: string;
  readonly rate: string;
  readonly batch: string;
  readonly block: string;
  readonly seed: string;
  readonly device: string;
  readonly prompt: string;
  readonly suffix: string;
  /** See `JobCreate.method`; empty for the default. */
  readonly method: string;
  /** Of dpo and orpo. */
  readonly beta: string;
  /** Of classification: names with commas between them. */
  readonly classes: string;
  /** 'yes' for DoRA; empty for plain LoRA. */
  readonly dora: string;
  /** 'yes' for rsLoRA's scale. */
  readonly rslora: string;
  /** See `init_lora_weights`; empty for the default. */
  readonly init: string;
  /** LoRA+: learning rate of B over that of A. */
  readonly plus: string;
  /** See `base_precision`; empty for the default. */
  readonly precision: string;
}

export const newForm: JobForm = {
  ...noDataFields,
  model: '',
  trainingFile: '',
  validationFile: '',
  r: '8',
  alpha: '16',
  dropout: '0.05',
  targets: 'all-linear',
  epochs: '',
  steps: '',
  rate: '',
  batch: '',
  block: '',
  seed: '',
  device: '',
  prompt: '',
  suffix: '',
  method: '',
  beta: '',
  classes: '',
  dora: '',
  rslora: '',
  init: '',
  plus: '',
  precision: '',
};

/** A number where there is one; what is none goes to the server as it is, which says what is wrong. */
const value = (text: string) => (Number.isFinite(Number(text)) ? Number(text) : text);
const given = (name: string, text: string) => (text.trim() === '' ? {} : { [name]: value(text.trim()) });

/** Training options that the form shows. */
const shownOptions = new Set([
  'n_epochs',
  'max_steps',
  'learning_rate',
  'batch_size',
  'block_length',
  'sample_prompts',
  'method',
  'loraplus_lr_ratio',
  'base_precision',
]);
const shownLora = new Set(['use_dora', 'use_rslora', 'init_lora_weights']);

/** Names with commas between them are a list; `all-linear` and regular expressions are one text, as PEFT has it. */
export function targetsOf(text: string): string | string[] {
  const names = text.split(',').map((name) => name.trim());
  return names.every((name) => /^[\w.]+$/.test(name)) ? names : text.trim();
}

/** What the form does not show stays as it is in `base`. */
export function bodyOf(form: JobForm, base: Partial<JobCreate> = {}): JobCreate {
  const asked: Record<string, unknown> = { ...base.training };
  const sample_prompts = asked['sample_prompts'];
  const learned = base.training?.method;
  const training = Object.fromEntries(Object.entries(asked).filter(([name]) => !shownOptions.has(name)));
  const prompts = Array.isArray(sample_prompts) ? sample_prompts.slice(1) : [];
  const kept = Object.entries(base.lora ?? {}).filter(([name]) => !shownLora.has(name));
  const lora = {
    ...Object.fromEntries(kept),
    ...given('r', form.r),
    ...given('lora_alpha', form.alpha),
    ...given('lora_dropout', form.dropout),
    ...(form.targets.trim() === '' ? {} : { target_modules: targetsOf(form.targets) }),
    ...(form.dora === '' ? {} : { use_dora: true }),
    ...(form.rslora === '' ? {} : { use_rslora: true }),
    ...(form.init === '' ? {} : { init_lora_weights: form.init }),
  };
  const own = methodOptions(form);
  const options = {
    ...training,
    // Options that the form does not show stay while the method is the same.
    ...(learned && learned.type === form.method ? { method: { ...unshown(learned), ...own } as Method } : {}),
    ...given('loraplus_lr_ratio', form.plus),
    ...(form.precision === '' ? {} : { base_precision: form.precision as BasePrecision }),
    ...given('n_epochs', form.epochs),
    ...given('max_steps', form.steps),
    ...given('learning_rate', form.rate),
    ...given('batch_size', form.batch),
    ...given('block_length', form.block),
    ...(form.prompt === '' ? {} : { sample_prompts: [form.prompt, ...prompts] }),
  };
  return {
    ...base,
    ...(form.method === '' || learned?.type === form.method
      ? {}
      : { method: methodOf(form.method as MethodType, own) }),
    model: form.model,
    training_file: form.trainingFile,
    ...(form.validationFile === '' ? {} : { validation_file: form.validationFile }),
    ...dataBody(form, form.validationFile !== ''),
    ...(form.suffix === '' ? {} : { suffix: form.suffix }),
    ...given('seed', form.seed),
    ...(form.device === '' ? {} : { device: form.device as JobCreate['device'] }),
    lora,
    training: options,
  };
}

type MethodOptions = Readonly<Record<string, unknown>>;

function methodOptions({ method, beta, classes }: JobForm): MethodOptions {
  if (method === 'classification') return classes.trim() === '' ? {} : { labels: namesIn(classes) };
  return method === 'dpo' || method === 'orpo' ? given('beta', beta) : {};
}

function methodOf(type: MethodType, own: MethodOptions): NonNullable<JobCreate['method']> {
  return Object.keys(own).length === 0 ? { type } : { type, [type]: { hyperparameters: own } };
}

/** The options of a method that the form has no field for. */
function unshown(learned: object): object {
  return Object.fromEntries(Object.entries(learned).filter(([name]) => name !== 'beta' && name !== 'labels'));
}

const namesIn = (text: string) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

const shown = (field: unknown) =>
  typeof field === 'number' || typeof field === 'string' ? String(field) : '';

/** The form of a job that was made already. */
export function formOf(
  job: Record<'lora' | 'training', unknown> & {
    model: string;
    training_file: string;
    method?: { type: string } | null | undefined;
    validation_file: string | null;
    seed: number;
    device: string;
  } & Parameters<typeof dataFieldsOf>[0],
): JobForm {
  const lora = (job.lora ?? {}) as Record<string, unknown>;
  const training = (job.training ?? {}) as Record<string, unknown>;
  const targets = lora['target_modules'];
  const prompts = training['sample_prompts'];
  const learned = (training['method'] ?? {}) as Record<string, unknown>;
  const labels = learned['labels'];
  return {
    ...newForm,
    model: job.model,
    trainingFile: job.training_file,
    validationFile: job.validation_file ?? '',
    ...dataFieldsOf(job),
    r: shown(lora['r']),
    alpha: shown(lora['lora_alpha']),
    dropout: shown(lora['lora_dropout']),
    targets: Array.isArray(targets) ? targets.join(', ') : shown(targets),
    epochs: shown(training['n_epochs']).replace('auto', ''),
    steps: shown(training['max_steps']),
    rate: shown(training['learning_rate']).replace('auto', ''),
    batch: shown(training['batch_size']).replace('auto', ''),
    block: shown(training['block_length']).replace('auto', ''),
    seed: String(job.seed),
    device: job.device === 'auto' ? '' : job.device,
    prompt: Array.isArray(prompts) ? shown(prompts[0]) : '',
    method: !job.method || job.method.type === defaultMethod.type ? '' : job.method.type,
    beta: shown(learned['beta']),
    classes: Array.isArray(labels) ? labels.join(', ') : '',
    dora: lora['use_dora'] === true ? 'yes' : '',
    rslora: lora['use_rslora'] === true ? 'yes' : '',
    init: shown(lora['init_lora_weights']),
    plus: shown(training['loraplus_lr_ratio']),
    precision: training['base_precision'] === defaultPrecision ? '' : shown(training['base_precision']),
  };
}

/** The parts of a job that the form does not show, which a clone keeps. */
export function restOf({
  lora,
  training,
  init_adapter,
  metadata,
  integrations,
}: JobObject): Partial<JobCreate> {
  return {
    lora,
    training,
    // What is not asked for is left to the server, which takes no null for everything.
    ...(init_adapter === null ? {} : { init_adapter }),
    ...(metadata === null ? {} : { metadata }),
    ...(integrations.length === 0 ? {} : { integrations: integrations as JobCreate['integrations'] }),
  };
}

/** The request that makes this job again. */
export function bodyOfJob(job: JobObject): JobCreate {
  return { ...bodyOf(formOf(job), restOf(job)), ...(job.suffix === null ? {} : { suffix: job.suffix }) };
}

/** What a step of the form needs. */
export interface StepFormProps {
  readonly form: JobForm;
  readonly set: (change: Partial<JobForm>) => void;
  /** Null until there is one. */
  readonly plan: PlanObject | null;
}
