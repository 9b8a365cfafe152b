import path from 'node:path';
import { ADAPTER_FILES, AdapterError, checkFinite } from '#adapters/adapter.js';
import type { AdapterModule } from '#adapters/adapter.js';
import { type CardFacts, modelCard } from '#adapters/model-card.js';
import { type LoraConfig, ownFields } from '#lora/config.js';
import { isAllLinear, judgePaths, rankPaths } from '#lora/target-modules-match.js';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';
import { fileChunks, floatSource } from '#models/safetensors-write.js';
import type { TensorSource } from '#models/safetensors-write.js';

/** The version of PEFT whose files are written. */
const PEFT_VERSION = '0.21.2';

/** What PEFT 0.21 writes for options that are not done here. */
const otherOptions = {
  alora_invocation_tokens: null,
  arrow_config: null,
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  kasa_config: null,
  layer_replication: null,
  loftq_config: {},
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  monteclora_config: null,
  qalora_group_size: 16,
  target_parameters: null,
  trainable_token_indices: null,
  use_bdlora: null,
  use_qalora: false,
  velora_config: null,
};

/** What an adapter folder is made of. */
export interface AdapterContent {
  readonly config: LoraConfig;
  readonly modules: Iterable<AdapterModule>;
  /** Of the base model; for the card. */
  readonly licence?: string | null;
  /** The text of the config.json of a model that tells classes apart. */
  readonly classifier?: string | undefined;
  /** What its training started from; for the card. */
  readonly start?: string | undefined;
  /** How the numbers are stored; float32 unless said otherwise. */
  readonly dtype?: FloatDtype;
  /** Free texts for the header of the weight file, beside PEFT's own `format`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes an adapter as PEFT saves one: adapter_config.json, adapter_model.safetensors and a README.md.
 *
 * The folder appears whole or not at all, and equal content gives equal bytes. Throws AdapterError `adapter_invalid` if
 * config and modules contradict each other, `adapter_not_finite`, LowrankError `folder_exists` and `disk_full`.
 */
export async function writeAdapter(folder: string, content: AdapterContent): Promise<void> {
  const files = adapterFiles(folder, content);
  await writeFolderAtomically(folder, (temporary) => writeFiles(temporary, files));
}

/**
 * Writes the files of an adapter into a folder that is there and not visible yet, flushed; `shownAs` is the folder's
 * later name for errors, which are those of `writeAdapter`, but for those of the file system.
 */
export async function writeAdapterFiles(
  folder: string,
  content: AdapterContent,
  shownAs: string,
): Promise<void> {
  await writeFiles(folder, adapterFiles(shownAs, content));
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

async function writeFiles(folder: string, files: readonly (readonly [string, Chunks])[]): Promise<void> {
  for (const [name, chunks] of files) await writeFlushed(path.join(folder, name), chunks);
}

function adapterFiles(folder: string, content: AdapterContent): (readonly [string, Chunks])[] {
  const modules = [...content.modules].sort((a, b) => (a.path < b.path ? -1 : 1));
  const paths = modules.flatMap(({ path, r }) => (r > 0 ? [path] : []));
  const { licence, classifier, start, dtype } = content;
  const config = savedConfig(content.config, paths, classifier !== undefined);
  const described = describingFiles(folder, config, paths, {
    licence,
    isClassifier: classifier !== undefined,
    start,
    dtype,
  });
  const model = classifier === undefined ? [] : [[ADAPTER_FILES.model, [Buffer.from(classifier)]] as const];
  const tensors = tensorSources(folder, config, modules, content);
  return [
    ...described,
    ...model,
    [ADAPTER_FILES.weights, fileChunks(tensors, { ...content.metadata, format: 'pt' })],
  ];
}

/**
 * The files beside the weights of an adapter whose factors are those of `paths`, which must be sorted.
 *
 * Throws AdapterError `adapter_invalid` if the configuration does not name every path.
 */
export function describingFiles(
  shownAs: string,
  written: LoraConfig,
  paths: readonly string[],
  facts: CardFacts = {},
): (readonly [name: string, chunks: Uint8Array[]])[] {
  const config = savedConfig(written, paths, facts.isClassifier);
  checkTargets(shownAs, config, paths);
  const text = (value: string) => [new TextEncoder().encode(value)];
  return [
    [ADAPTER_FILES.config, text(`${JSON.stringify(configJson(config), undefined, 2)}\n`)],
    [ADAPTER_FILES.card, text(modelCard(config, facts))],
  ];
}

/** The configuration as PEFT saves it: concrete sorted targets, for inference. */
function savedConfig(config: LoraConfig, paths: readonly string[], isClassifier = false): LoraConfig {
  const { target_modules: targets, exclude_modules: excluded } = config;
  return {
    ...config,
    target_modules: targets === null || isAllLinear(targets) ? [...paths] : sorted(targets),
    exclude_modules: excluded === null ? null : sorted(excluded),
    inference_mode: true,
    // PEFT leaves the task open for models that it finds by `auto_mapping`, and has none for images.
    task_type: config.task_type ?? (config.auto_mapping === null && !isClassifier ? 'CAUSAL_LM' : null),
    peft_version: PEFT_VERSION,
  };
}

function sorted(names: string | string[]): string | string[] {
  return typeof names === 'string' ? names : [...new Set(names)].sort();
}

/**
 * The fields in alphabetical order, as PEFT writes them. The keys inside the patterns keep their order: the first that
 * matches wins.
 */
function configJson(config: LoraConfig): Record<string, unknown> {
  const known = Object.entries(config).filter(([field]) => !ownFields.some((own) => own === field));
  const entries = [...Object.entries(otherOptions), ...known];
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkTargets(folder: string, config: LoraConfig, paths: readonly string[]): void {
  const verdicts = judgePaths(config, paths);
  const unexpected = paths.filter((_, i) => verdicts[i] !== 'targeted');
  if (paths.length > 0 && unexpected.length === 0) return;
  throw new AdapterError(
    'adapter_invalid',
    folder,
    paths.length === 0
      ? 'has no factors at all'
      : `target_modules ${JSON.stringify(config.target_modules)} does not name ${unexpected.join(', ')}: a reader would drop these factors`,
    { details: { modules: unexpected } },
  );
}

function tensorSources(
  folder: string,
  config: LoraConfig,
  modules: readonly AdapterModule[],
  { dtype = 'F32' }: AdapterContent,
): Map<string, TensorSource> {
  const ranks = rankPaths(
    config,
    modules.map(({ path }) => path),
  );
  const tensors = new Map<string, TensorSource>();
  for (const [i, module] of modules.entries()) {
    const { r, scale } = ranks[i]!;
    if (module.r > 0 && (module.r !== r || module.scale !== scale)) {
      throw new AdapterError(
        'adapter_invalid',
        folder,
        `${module.path} has rank ${module.r} and scale ${module.scale}, but its configuration gives ${r} and ${scale}`,
        { details: { module: module.path, r, scale } },
      );
    }
    checkFinite(folder, module, module.numbers);
    for (const { role, key, shape } of module.tensors) {
      tensors.set(key, floatSource({ data: module.numbers[role]!, shape, dtype }));
    }
  }
  return tensors;
}
