/** What a base model becomes to learn by a method: the model with the head that it needs, and the LoRA configuration for it. */
import { OptionsError } from '#base/field-problems.js';
import { type LoraConfig, LoraConfigError } from '#lora/config.js';
import { type InputCodec, readsImages } from '#data/input-codec.js';
import { causalModel, imageClassifier, textClassifier } from '#models/abilities.js';
import type { ModelFolder } from '#models/model-folder.js';
import type { Labelled, ModelConfig } from '#models/model-config.js';
import type { Model } from '#models/model.js';
import type { AttentionShape } from '#nn/decoder-pass.js';
import { withClasses } from '#models/with-classes.js';
import { chooseClasses, type ClassSources } from '#training/choose-classes.js';
import { declarationOf, type Method } from '#training/objectives/declared/registry.js';
import type { TrainingOptions } from '#training/options.js';

/** Whether a method teaches classes and not tokens. */
export function teachesClasses(method: Method): boolean {
  return declarationOf(method).head === 'classify';
}

/**
 * The model that learns by a method.
 *
 * Throws UnsupportedError for a base model that cannot, and for classes the errors of `chooseClasses`.
 */
export function learningModel(
  base: ModelFolder,
  method: Method,
  sources: Omit<ClassSources, 'base' | 'named'>,
): ModelFolder {
  if (!teachesClasses(method)) {
    causalModel(base.tree, 'training on the next token');
    return base;
  }
  const named = 'labels' in method ? method.labels : null;
  return withClasses(base, chooseClasses({ base, named, ...sources }));
}

/** Throws OptionsError for prompts to a model that learns to tell classes apart, and writes nothing. */
export function requireAnswers({ method, sample_prompts: prompts }: TrainingOptions): void {
  if (prompts.length === 0 || !teachesClasses(method)) return;
  throw new OptionsError('training_options_invalid', 'the training options', [
    {
      field: 'sample_prompts',
      problem: `are for models that write, and the method ${JSON.stringify(method.type)} teaches classes`,
      fix: 'leave them out',
    },
  ]);
}

/** What plans and loops ask of a model that learns. */
export interface LearningShape {
  /** The most places that a block may have; of images, the places of each. */
  readonly contextLength: number;
  /** Outputs that are compared for every target. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly tieWordEmbeddings: boolean;
  readonly attentions: readonly AttentionShape[];
  readonly layers: number;
  readonly parameterCount: number;
}

/** The shape of a model that learns by a method, and reads with a codec. Throws UnsupportedError for one that cannot. */
export function learningShape(tree: Model, method: Method, codec: InputCodec | undefined): LearningShape {
  const { parameterCount } = tree;
  if (codec && readsImages(codec)) {
    const { config } = imageClassifier(tree, 'training to tell classes of images apart');
    const { hiddenSize, labels } = config;
    return {
      contextLength: codec.positions,
      vocabSize: labels.length,
      hiddenSize,
      tieWordEmbeddings: true,
      attentions: [],
      layers: tree.config.layers,
      parameterCount,
    };
  }
  const { config, attentions } = teachesClasses(method)
    ? textClassifier(tree, 'training to tell classes of texts apart')
    : causalModel(tree, 'training on the next token');
  const { maxPositionEmbeddings: contextLength, vocabSize, hiddenSize, tieWordEmbeddings } = config;
  const { layers } = tree.config;
  return { contextLength, vocabSize, hiddenSize, tieWordEmbeddings, attentions, layers, parameterCount };
}

/** Names of the classes of a model that learns them by a method; undefined where tokens are learned. */
export function learnedClasses({ config }: ModelFolder, method: Method): readonly string[] | undefined {
  return teachesClasses(method) ? (config as ModelConfig & Labelled).labels : undefined;
}

/** The LoRA configuration of a model that learns by a method. Throws LoraConfigError for another task. */
export function loraFor(method: Method, config: LoraConfig, base: ModelFolder): LoraConfig {
  return teachesClasses(method) ? withHead(config, base) : config;
}

/**
 * A configuration that trains the head beside its layers, and what else of the model nobody has trained, as PEFT does for
 * SEQ_CLS. Throws LoraConfigError for another task.
 */
function withHead(config: LoraConfig, { tree, untrained }: ModelFolder): LoraConfig {
  if (config.task_type !== null && config.task_type !== 'SEQ_CLS') {
    const problem = `${JSON.stringify(config.task_type)} is not the task of the method "classification"`;
    throw new LoraConfigError([{ field: 'task_type', problem, fix: 'leave it out' }]);
  }
  const heads = tree.headLayers.map(({ path }) => path.split('.')[0]!);
  const isOfHead = (path: string) => heads.some((head) => path === head || path.startsWith(`${head}.`));
  const others = [...tree.modules()].filter(
    ({ path, ownParameters }) =>
      !isOfHead(path) && ownParameters.some(({ name }) => untrained.includes(name)),
  );
  const names = [...(config.modules_to_save ?? []), ...heads, ...others.map(({ path }) => path)];
  return {
    ...config,
    task_type: tree.inputs === 'tokens' ? 'SEQ_CLS' : null,
    modules_to_save: [...new Set(names)],
  };
}
