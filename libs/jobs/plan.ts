/** What a job will do, told before it is made, and everything that is wrong with it. */
import { adapterNotes } from '#adapters/adapter.js';
import { type LoraConfig, LoraConfigError, parseLoraConfig, readLoraConfig } from '#lora/config.js';
import { resolveTargetModules, type TargetPlan } from '#lora/target-modules.js';
import { countWork } from '#jobs/work.js';
import type { PlannedRun } from '#jobs/time-estimate.js';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { type DataMeasure, measureData, type MeasuredFile } from '#jobs/measure-data.js';
import type { WantedDevice } from '#jobs/devices.js';
import { type KnownModel, knownModel } from '#jobs/known-models.js';
import { ChoiceBook, chooseBatchSize, chooseBlockLength, chooseSchedule } from '#training/auto-options.js';
import type { Choice } from '#training/events.js';
import { OptionsError } from '#base/field-problems.js';
import { parseTrainingOptions, type TrainingOptions } from '#training/options.js';

export interface PlanRequest {
  /** A registered base model. */
  readonly base: { readonly name: string; readonly folder: string; readonly identity: string };
  /** PEFT's LoraConfig as it was asked for; null for the defaults, or for those of the initial adapter. */
  readonly lora: unknown;
  /** Training options as they were asked for. */
  readonly training: unknown;
  readonly device: WantedDevice;
  readonly seed: number;
  readonly initAdapter: {
    readonly id: string;
    readonly config: Record<string, unknown>;
    readonly baseIdentity: string | null;
  } | null;
}

/** The data to measure; a plan without data has no steps. */
export interface PlanData {
  readonly training: MeasuredFile;
  readonly validation: MeasuredFile | null;
}

export interface PlanProblem {
  /** `training.learning_rate`, `lora.r`, `training_file`, `init_adapter`, `model`. */
  readonly field: string;
  readonly code: string;
  readonly message: string;
  /** Line of the data, where it is about one. */
  readonly line?: number;
}

/** A job that cannot be made, with everything that is wrong. */
export class PlanError extends LowrankError {
  constructor(readonly problems: readonly PlanProblem[]) {
    const list = problems.map(({ field, message }) => `${field}: ${message}`);
    super('job_invalid', list.join('. '), { details: { problems } });
  }
}

export interface JobPlan {
  readonly model: string;
  readonly baseIdentity: string;
  readonly modelParameters: number;
  readonly modules: readonly {
    readonly path: string;
    readonly inFeatures: number;
    readonly outFeatures: number;
    readonly r: number;
    readonly scale: number;
  }[];
  readonly trainableParameters: number;
  /** Size of the adapter's weight file. */
  readonly adapterBytes: number;
  /** The configuration as it will stand in the adapter. */
  readonly lora: LoraConfig;
  readonly training: TrainingOptions;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  /** Null where no data were given. */
  readonly data: { readonly training: DataMeasure; readonly validation: DataMeasure | null } | null;
  /** What is chosen for `auto`, as far as it does not depend on the worker; null without data. */
  readonly choices: readonly Choice[] | null;
  readonly totalSteps: number | null;
  readonly stepsPerEpoch: number | null;
  /** What it computes; null without data. */
  readonly run: PlannedRun | null;
}

/**
 * Plans a job from the model's configuration, and with data also counts tokens and steps. No weight is read and nothing
 * is computed.
 *
 * Throws PlanError with every problem, and the errors of `openModelFolder` if the base model is not there.
 */
export async function planJob(request: PlanRequest, data?: PlanData): Promise<JobPlan> {
  const problems: PlanProblem[] = [];
  const attempt = <T>(part: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      problems.push(...problemsOf(part, error));
      return undefined;
    }
  };
  const model = await knownModel(request.base.folder, request.base.identity);
  const training = attempt('training', () => trainingOptions(request));
  const lora = attempt('lora', () => loraConfig(request));
  const targets = lora && attempt('lora', () => targetPlan(model, lora, request));
  if (training) checkContext(training, model, problems);
  const measured =
    data &&
    (await measureAll(model, training, data, (part, error) => problems.push(...problemsOf(part, error))));
  if (problems.length > 0 || !training || !targets) throw new PlanError(problems);
  return {
    model: request.base.name,
    baseIdentity: request.base.identity,
    modelParameters: model.base.tree.parameterCount,
    modules: targets.modules.map(({ path, inFeatures, outFeatures, r, scale }) => ({
      path,
      inFeatures,
      outFeatures,
      r,
      scale,
    })),
    trainableParameters: targets.trainableParameters,
    adapterBytes: targets.adapterBytes,
    lora: targets.config,
    training,
    warnings: [...unmatchedNames(targets), ...initAdapterNotes(request)],
    ...steps(model, training, targets, measured),
  };
}

function trainingOptions({ training, device, seed }: PlanRequest): TrainingOptions {
  const written = training ?? {};
  if (typeof written !== 'object' || Array.isArray(written)) return parseTrainingOptions(written);
  // The devices of TensorFlow.js have the same rules.
  const onOnnx = device === 'auto' || device === 'cpu' || device === 'webgpu' || device === 'cuda';
  return parseTrainingOptions({ ...written, seed, device: onOnnx ? 'cpu' : 'eager' });
}

function loraConfig({ lora, initAdapter }: PlanRequest): LoraConfig {
  if (lora !== null && lora !== undefined) return parseLoraConfig(lora);
  if (!initAdapter) return parseLoraConfig({});
  return { ...readLoraConfig(initAdapter.config).config, inference_mode: false };
}

function targetPlan({ base }: KnownModel, lora: LoraConfig, request: PlanRequest): TargetPlan {
  const plan = resolveTargetModules(base.tree, lora);
  const { initAdapter } = request;
  if (!initAdapter) return plan;
  if (initAdapter.baseIdentity !== null && initAdapter.baseIdentity !== request.base.identity) {
    throw mismatch(initAdapter.id, 'was trained on another base model');
  }
  const given = resolveTargetModules(base.tree, readLoraConfig(initAdapter.config).config);
  const shape = ({ modules }: TargetPlan) =>
    modules.map(({ path, r, scale }) => `${path} ${r} ${scale}`).join();
  if (shape(plan) !== shape(given)) {
    throw mismatch(initAdapter.id, 'has other layers, ranks or scales than lora asks for: leave lora out');
  }
  return plan;
}

/** What is known of the adapter to go on with before its weights are read. */
function initAdapterNotes({ initAdapter }: PlanRequest): JobPlan['warnings'] {
  if (!initAdapter) return [];
  const ignoredFields = readLoraConfig(initAdapter.config).ignored;
  return adapterNotes({ ignoredFields, missing: [] }).map((note) => ({
    code: 'init_adapter',
    message: `${initAdapter.id}: ${note}`,
  }));
}

function mismatch(id: string, problem: string): LowrankError {
  return new LowrankError('init_adapter_mismatch', `the adapter ${id} ${problem}`, {
    details: { field: 'init_adapter' },
  });
}

function checkContext(
  { block_length: length }: TrainingOptions,
  { base }: KnownModel,
  problems: PlanProblem[],
): void {
  const most = base.config.maxPositionEmbeddings;
  if (length === 'auto' || length <= most) return;
  problems.push({
    field: 'training.block_length',
    code: 'training_options_invalid',
    message: `is ${length}, but the model's context has ${most} tokens; give at most ${most}`,
  });
}

async function measureAll(
  model: KnownModel,
  training: TrainingOptions | undefined,
  data: PlanData,
  onProblem: (part: string, error: unknown) => void,
): Promise<{ training: DataMeasure; validation: DataMeasure | null; book: ChoiceBook } | undefined> {
  if (!training) return undefined;
  const book = new ChoiceBook(training);
  const { packing } = training;
  const context = model.base.config.maxPositionEmbeddings;
  const options = {
    packing,
    blockLength: (lengths: { median: number; longest: number }) =>
      chooseBlockLength(book, lengths, packing, context),
  };
  try {
    const measured = await measureData(data.training, model, options);
    const { blockLength } = measured;
    try {
      const validation =
        data.validation &&
        (await measureData(data.validation, model, { packing, blockLength: () => blockLength }));
      return { training: measured, validation, book };
    } catch (error) {
      onProblem('validation_file', error);
    }
  } catch (error) {
    onProblem('training_file', error);
  }
  return undefined;
}

function steps(
  { base }: KnownModel,
  options: TrainingOptions,
  { trainableParameters }: TargetPlan,
  measured: { training: DataMeasure; validation: DataMeasure | null; book: ChoiceBook } | undefined,
): Pick<JobPlan, 'data' | 'choices' | 'totalSteps' | 'stepsPerEpoch' | 'run'> {
  if (!measured) return { data: null, choices: null, totalSteps: null, stepsPerEpoch: null, run: null };
  const { training, validation, book } = measured;
  const accumulation = options.gradient_accumulation_steps;
  const batchSize = chooseBatchSize(book, training.blockLength, training.blocks, accumulation);
  const validationBatches = Math.ceil((validation?.blocks ?? 0) / batchSize);
  const schedule = chooseSchedule(book, options, {
    hiddenSize: base.config.hiddenSize,
    blocks: training.blocks,
    batchSize,
    validationBatches,
  });
  const { blockLength } = training;
  const shape = { batchSize, blockLength, accumulation, trainableParameters };
  const work = countWork({
    ...shape,
    config: base.config,
    modelParameters: base.tree.parameterCount,
  });
  // Before the first step and after the last one too.
  const evaluations =
    schedule.eval_steps === null ? 2 : 1 + Math.ceil(schedule.max_steps / schedule.eval_steps);
  return {
    data: { training, validation },
    choices: book.choices,
    totalSteps: schedule.max_steps,
    stepsPerEpoch: schedule.stepsPerEpoch,
    run: {
      steps: schedule.max_steps,
      stepOperations: work.step,
      evaluationOperations: evaluations * validationBatches * work.evaluationBatch,
    },
  };
}

function unmatchedNames({ unmatched }: TargetPlan): JobPlan['warnings'] {
  return Object.entries(unmatched).flatMap(([field, names]) =>
    names.length === 0
      ? []
      : [
          {
            code: 'unmatched_names',
            message: `lora.${field}: ${names.join(', ')} names nothing in this model`,
          },
        ],
  );
}

/** What an error of a part says about its fields. Errors that are not the job's are thrown on. */
function problemsOf(part: string, error: unknown): PlanProblem[] {
  if (error instanceof OptionsError || error instanceof LoraConfigError) {
    return error.problems.map(({ field, problem, fix }) => ({
      field: `${part}.${field}`,
      code: error.code,
      message: `${problem}; ${fix}`,
    }));
  }
  if (!(error instanceof LowrankError)) throw error;
  const { code, message, details } = error;
  if (error instanceof UnsupportedError && Array.isArray(details['options'])) {
    return (details['options'] as string[]).map((option) => ({
      field: `${part}.${option}`,
      code,
      message: 'is not supported; leave it out',
    }));
  }
  if (Array.isArray(details['problems'])) {
    return (details['problems'] as { line: number; field: string; code: string; message: string }[]).map(
      ({ line, field, code, message }) => ({
        field: part,
        code,
        message: [line > 0 ? `line ${line}` : '', field, message].filter((text) => text !== '').join(', '),
        line,
      }),
    );
  }
  const field = typeof details['field'] === 'string' ? details['field'] : part;
  return [{ field: part === 'lora' && field === part ? 'lora.target_modules' : field, code, message }];
}
