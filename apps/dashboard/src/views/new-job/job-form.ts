/** The form of a new job, and the request that it stands for. */
import type { JobCreate } from '#contracts/http/job-create.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { defaultMethod, type MethodType } from '#training/objectives/declared/registry.js';

export interface JobForm {
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
}

export const newForm: JobForm = {
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
]);

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
  const lora = {
    ...base.lora,
    ...given('r', form.r),
    ...given('lora_alpha', form.alpha),
    ...given('lora_dropout', form.dropout),
    ...(form.targets.trim() === '' ? {} : { target_modules: targetsOf(form.targets) }),
  };
  const options = {
    ...training,
    // Its options stay while the method is the same.
    ...(learned && learned.type === form.method ? { method: learned } : {}),
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
      : { method: { type: form.method as MethodType } }),
    model: form.model,
    training_file: form.trainingFile,
    ...(form.validationFile === '' ? {} : { validation_file: form.validationFile }),
    ...(form.suffix === '' ? {} : { suffix: form.suffix }),
    ...given('seed', form.seed),
    ...(form.device === '' ? {} : { device: form.device as JobCreate['device'] }),
    lora,
    training: options,
  };
}

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
  },
): JobForm {
  const lora = (job.lora ?? {}) as Record<string, unknown>;
  const training = (job.training ?? {}) as Record<string, unknown>;
  const targets = lora['target_modules'];
  const prompts = training['sample_prompts'];
  return {
    ...newForm,
    model: job.model,
    trainingFile: job.training_file,
    validationFile: job.validation_file ?? '',
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
  };
}

/** The parts of a job that the form does not show, which a clone keeps. */
export function restOf({ lora, training, init_adapter, metadata }: JobObject): Partial<JobCreate> {
  return {
    lora,
    training,
    // What is not asked for is left to the server, which takes no null for everything.
    ...(init_adapter === null ? {} : { init_adapter }),
    ...(metadata === null ? {} : { metadata }),
  };
}

/** The request that makes this job again. */
export function bodyOfJob(job: JobObject): JobCreate {
  return { ...bodyOf(formOf(job), restOf(job)), ...(job.suffix === null ? {} : { suffix: job.suffix }) };
}
