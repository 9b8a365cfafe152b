/** What a job will do, told before it is made, and everything that is wrong with it. */
import { adapterNotes } from '#adapters/adapter.js';
import { type RunsOn, runsOn } from '#adapters/runs-on.js';
import { LowrankError } from '#base/errors.js';
import { type KnownModel, knownModel } from '#jobs/known-models.js';
import { type Heads, unknownClasses } from '#jobs/planned-classes.js';
import type { RequestedOptions } from '#training/resolved-options.js';
import { planData, type PlannedData } from '#jobs/plan-data.js';
import { PlanError, type PlanProblem, problemsOf } from '#jobs/plan-problems.js';
import { type LoraConfig, readLoraConfig } from '#lora/config.js';
import { OptionsError } from '#base/field-problems.js';
import { listed } from '#base/quote.js';
import { addedParameters, wholeWeightsOf } from '#lora/target-module.js';
import { resolveTargetModules, type TargetPlan } from '#lora/target-modules.js';
import type { ModelFolder } from '#models/model-folder.js';
import { type WeightBytes, weightBytes } from '#models/weight-bytes.js';
import type { ValidationSplit } from '#data/data-form.js';
import { readsImages } from '#data/input-codec.js';
import { ChoiceBook, chooseLearningRate } from '#training/auto-options.js';
import type { DataHead } from '#training/data-head.js';
import {
  learnedClasses,
  learningModel,
  learningShape,
  loraFor,
  requireAnswers,
} from '#training/learning-model.js';
import { splitHead } from '#training/split-head.js';
import { declarationOf } from '#training/objectives/declared/registry.js';
import { requireTrainable } from '#training/objectives/trained-head.js';
import { maxLearningRate, type TrainingOptions } from '#training/options.js';
import { planImages, requireContext } from '#training/plan-options.js';

export interface PlanRequest {
  /** A registered base model. */
  readonly base: { readonly name: string; readonly folder: string; readonly identity: string };
  readonly requested: RequestedOptions;
  /** What was asked for, with every default. */
  readonly options: TrainingOptions;
  /** Of the training rows, in place of validation data. */
  readonly validationSplit?: ValidationSplit | null;
  /** Likewise; what the initial adapter has goes before it where nothing was asked for. */
  readonly lora: LoraConfig;
  readonly initAdapter: {
    readonly id: string;
    readonly config: Record<string, unknown>;
    readonly baseIdentity: string | null;
    /** Names of its classes, if it has a head of its own. */
    readonly classes?: readonly string[] | null;
  } | null;
}

/** The data to measure; a plan without data has no steps. */
export interface PlanData {
  readonly training: () => Promise<DataHead>;
  readonly validation: (() => Promise<DataHead>) | null;
}

export interface JobPlan {
  readonly model: string;
  readonly baseIdentity: string;
  readonly modelParameters: number;
  /** Of the base model's weights in memory, by `base_precision`. */
  readonly weightBytes: WeightBytes;
  /** Names of the classes that it learns; those of the beginning of a longer file. Null where it learns tokens. */
  readonly classes: readonly string[] | null;
  /** The layers that get a low-rank update. */
  readonly modules: readonly {
    readonly path: string;
    readonly inFeatures: number;
    readonly outFeatures: number;
    readonly r: number;
    readonly scale: number;
    /** That are trained beside the layer's own weights. */
    readonly parameters: number;
  }[];
  /** Weights of the base that are trained as they are (bias, modules_to_save). */
  readonly wholeWeights: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly trainableParameters: number;
  /** Size of the adapter's weight file. */
  readonly adapterBytes: number;
  /** Which programs would load the adapter. */
  readonly runsOn: readonly RunsOn[];
  /** The configuration as it will stand in the adapter. */
  readonly lora: LoraConfig;
  /** As asked for, with every default. */
  readonly training: TrainingOptions;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  /** Null where no data were given. */
  readonly data: PlannedData | null;
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
  const { method } = request.options;
  const known = await knownModel(request.base.folder, request.base.identity);
  const read = data && (await readHeads(data, (part, error) => problems.push(...problemsOf(part, error))));
  const split = request.validationSplit ?? null;
  const heads =
    read && split !== null
      ? attempt('validation_split', () => splitHead(read.training, split, request.options.seed))
      : read;
  const base = attempt('model', () =>
    learningModel(known.base, method, {
      ofAdapter: request.initAdapter?.classes ?? undefined,
      found: heads?.training.classes,
      isPart: heads?.training.isPart,
    }),
  );
  const codec = known.base.tree.inputs === 'images' ? await known.codec() : undefined;
  const shape = base && attempt('model', () => learningShape(base.tree, method, codec));
  attempt('training', () => requireAnswers(request.options));
  const training = attempt('training', () => withMultiplier(request, known));
  const lora = base && attempt('lora', () => loraConfig(request, base));
  const targets = base && lora && attempt('lora', () => targetPlan(base, lora, request));
  if (training && shape) {
    attempt('training', () =>
      codec && readsImages(codec)
        ? planImages(new ChoiceBook(training), training, codec.positions)
        : requireContext(training, shape.contextLength),
    );
  }
  if (base && heads) problems.push(...unknownClasses(request, heads, learnedClasses(base, method)));
  if (problems.length > 0 || !base || !shape || !training || !targets) throw new PlanError(problems);
  const classes = learnedClasses(base, method) ?? null;
  const { architecture } = base.config;
  return {
    model: request.base.name,
    baseIdentity: request.base.identity,
    modelParameters: shape.parameterCount,
    weightBytes: weightBytes(base),
    classes,
    modules: targets.modules
      .filter(({ r }) => r > 0)
      .map((target) => {
        const { path, inFeatures, outFeatures, r, scale } = target;
        return { path, inFeatures, outFeatures, r, scale, parameters: addedParameters(target) };
      }),
    wholeWeights: wholeWeightsOf(targets.modules),
    trainableParameters: targets.trainableParameters,
    adapterBytes: targets.adapterBytes,
    runsOn: runsOn({ config: { ...targets.config }, classes, architecture }),
    lora: targets.config,
    training,
    warnings: [...unmatchedNames(targets), ...initAdapterNotes(request), ...dataWarnings(heads)],
    data: heads ? planData(request, { shape, codec }, { training, targets, heads }) : null,
  };
}

/** OpenAI's multiplier is of the learning rate that would be chosen, which the width of the model decides. */
function withMultiplier(
  { options, requested: { learningRateMultiplier: multiplier } }: PlanRequest,
  { base }: KnownModel,
): TrainingOptions {
  if (multiplier === null) return options;
  const usual = chooseLearningRate(
    new ChoiceBook({ ...options, learning_rate: 'auto' }),
    base.config.hiddenSize,
    declarationOf(options.method).usual,
  );
  const rate = Number((usual * multiplier).toPrecision(12));
  if (rate <= maxLearningRate) return { ...options, learning_rate: rate };
  throw new OptionsError('training_options_invalid', 'the training options', [
    {
      field: 'learning_rate',
      problem: `is ${rate}, ${multiplier} times the usual ${usual} of this model`,
      fix: `give a multiplier of at most ${Math.floor(maxLearningRate / usual)}`,
    },
  ]);
}

function loraConfig({ options, requested, lora, initAdapter }: PlanRequest, base: ModelFolder): LoraConfig {
  if (initAdapter && requested.lora === null)
    return { ...readLoraConfig(initAdapter.config).config, inference_mode: false };
  return loraFor(options.method, lora, base);
}

function targetPlan(base: ModelFolder, lora: LoraConfig, request: PlanRequest): TargetPlan {
  const { initAdapter } = request;
  const plan = resolveTargetModules(base.tree, lora, { isImport: initAdapter !== null });
  requireTrainable(request.options.method, base.tree, plan);
  if (!initAdapter) return plan;
  if (initAdapter.baseIdentity !== null && initAdapter.baseIdentity !== request.base.identity) {
    throw mismatch(initAdapter.id, 'was trained on another base model');
  }
  const given = resolveTargetModules(base.tree, readLoraConfig(initAdapter.config).config, {
    isImport: true,
  });
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

async function readHeads(
  data: PlanData,
  onProblem: (part: string, error: unknown) => void,
): Promise<Heads | undefined> {
  const read = async (part: string, head: () => Promise<DataHead>) => {
    try {
      return await head();
    } catch (error) {
      onProblem(part, error);
      return undefined;
    }
  };
  const training = await read('training_file', data.training);
  const validation = data.validation && (await read('validation_file', data.validation));
  return training && validation !== undefined ? { training, validation } : undefined;
}

function dataWarnings(heads: Heads | undefined): JobPlan['warnings'] {
  const ofValidation = heads?.validation?.warnings ?? [];
  return [
    ...(heads?.training.warnings ?? []),
    ...ofValidation.map(({ code, message }) => ({ code, message: `Validation file: ${message}` })),
  ];
}

function unmatchedNames({ unmatched }: TargetPlan): JobPlan['warnings'] {
  return Object.entries(unmatched).flatMap(([field, names]) =>
    names.length === 0
      ? []
      : [
          {
            code: 'unmatched_names',
            message: `lora.${field}: ${listed(names, 10)} matches nothing in this model`,
          },
        ],
  );
}
