/** A model as one that tells other classes apart: its body, with a head that nobody has trained. */
import { UnsupportedError } from '#base/errors.js';
import { buildModel, families, familyOf } from '#models/families/registry.js';
import type { Labelled, ModelConfig } from '#models/model-config.js';
import type { ModelFolder } from '#models/model-folder.js';

/** Names of the classes that a model tells apart with a head that was trained; undefined where it has none. */
export function trainedClasses({ config, tree, untrained }: ModelFolder): readonly string[] | undefined {
  if (tree.head !== 'classify') return undefined;
  const heads = tree.headLayers.flatMap((layer) => [...layer.parameters()]);
  if (heads.some(({ name }) => untrained.includes(name))) return undefined;
  return (config as ModelConfig & Labelled).labels;
}

/**
 * The same files as a model that tells these classes apart. A head of just these classes stays; any other gives way to one
 * whose weights are `untrained`.
 *
 * Throws UnsupportedError for families that have no such head.
 */
export function withClasses(base: ModelFolder, labels: readonly string[]): ModelFolder {
  const trained = trainedClasses(base);
  if (trained && trained.length === labels.length && trained.every((name, i) => name === labels[i]))
    return base;
  const config = { ...base.config, architecture: classifierOf(base.config), labels };
  const tree = buildModel(config);
  const heads = new Set(tree.headLayers.flatMap((layer) => [...layer.parameters()].map(({ name }) => name)));
  const names = [...tree.parameters()].map(({ name }) => name);
  const isStored = (name: string) => !heads.has(name) && base.parameters.has(name);
  return {
    ...base,
    config,
    tree,
    parameters: new Map(names.filter(isStored).map((name) => [name, base.parameters.get(name)!])),
    untrained: names.filter((name) => !isStored(name)),
  };
}

/** The architecture with a model's body and a classification head. */
function classifierOf({ architecture, ...config }: ModelConfig): string {
  const { head, sequenceClassifier } = familyOf({ architecture, ...config });
  const classifier = head === 'classify' ? architecture : sequenceClassifier;
  if (classifier !== undefined) return classifier;
  const known = families.filter((family) => family.head === 'classify').map((family) => family.architecture);
  throw new UnsupportedError(
    `${architecture} cannot tell classes apart: transformers has no classification head for it. Take a base model of one of these: ${known.join(', ')}`,
    { architecture, known },
  );
}
