import { access, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileProblem } from '#base/file-problem.js';
import { jsonFileProblem } from '#base/json-problem.js';
import { classesOfAdapter } from '#adapters/adapter-classes.js';
import { ADAPTER_FILES, AdapterError, checkFinite } from '#adapters/adapter.js';
import type { Adapter, AdapterModule, OpenAdapter } from '#adapters/adapter.js';
import { type BaseWeights, plainAdapter } from '#adapters/subtracted-adapter.js';
import { entryOf, type FileLayers, layersOfFile } from '#adapters/adapter-file.js';
import { withTreeNames } from '#adapters/older-names.js';
import { readLoraConfig } from '#lora/config.js';
import type { LoraConfig, ReadLoraConfig } from '#lora/config.js';
import { isAllLinear, judgePaths, rankPaths } from '#lora/target-modules-match.js';
import { geometryOfFactors } from '#lora/layer-kinds/registry.js';
import type { ModuleNumbers, TargetModule } from '#lora/target-module.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { isTensorName, targetModule, variantOf } from '#lora/variants/registry.js';
import { wholeTarget } from '#lora/variants/whole-weights.js';
import { readCardLicence } from '#models/model-origin.js';
import { ADAPTER_LIMITS, readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import type { SafetensorsFile } from '#models/safetensors.js';
import type { Model } from '#models/model.js';

export interface ReadOptions {
  readonly model?: Model;
  /** Of the model: without them adapters are refused whose start was taken out of them (PiSSA, OLoRA). */
  readonly weights?: BaseWeights;
}

/**
 * Reads an adapter in PEFT's save format; numbers of other precisions are converted to float32.
 *
 * Ranks must be those that the configuration gives, and with a `model` the adapted layers and their sizes its own.
 * Throws AdapterError (`adapter_not_found`, `adapter_config_invalid`, `adapter_weights_pickled`,
 * `adapter_incomplete`, `adapter_mismatch`, `adapter_not_finite`), SafetensorsError, LoraConfigError, UnsupportedError.
 */
export async function readAdapter(folder: string, options: ReadOptions = {}): Promise<Adapter> {
  const { config, metadata, ignoredFields, missing, ...source } = await openAdapter(folder, options);
  const modules = new Map<string, AdapterModule>();
  for (const [path, module] of source.modules) {
    modules.set(path, { ...module, numbers: await source.readNumbers(path) });
  }
  return { config, modules, metadata, ignoredFields, missing };
}

/** Opens an adapter as `readAdapter` does, but reads its numbers only when they are asked for. */
export async function openAdapter(folder: string, options: ReadOptions = {}): Promise<OpenAdapter> {
  const { config: written, ignored } = await readConfig(folder);
  const file = await openWeights(folder);
  const found = { layers: layersOfFile(folder, file, knownNames(written)), config: written };
  const { layers, config } = options.model ? withTreeNames(found, options.model) : found;
  const named = options.model
    ? resolveTargetModules(options.model, config, { isImport: true }).modules
    : modulesOfFile(folder, config, layers);
  const expected = named.filter(({ path }) => layers.has(path));
  matchTensors(folder, expected, layers);
  const modules = new Map(expected.map((module) => [module.path, module]));
  const licence = await readCardLicence(path.join(folder, ADAPTER_FILES.card));
  const { metadata } = file;
  const missing = named.filter(({ path }) => !layers.has(path));
  const readNumbers = (path: string) => readModule(folder, file, layers, modules.get(path)!);
  const open = {
    name: folder,
    config,
    licence,
    classes: await classesOfAdapter(folder),
    modules,
    readNumbers,
    metadata,
    ignoredFields: ignored,
    missing,
  };
  return plainAdapter(open, options.weights);
}

/** The names that tensors may have inside their layers under a configuration. */
function knownNames({ bias, modules_to_save: saved }: LoraConfig): (local: string) => boolean {
  const trainsWhole = saved !== null && saved.length > 0;
  return (local) =>
    isTensorName(local) ||
    (trainsWhole && !local.includes('.')) ||
    (bias !== 'none' && /(^|\.)bias$/.test(local) && !local.startsWith('lora_'));
}

async function readModule(
  folder: string,
  file: SafetensorsFile,
  layers: FileLayers,
  module: TargetModule,
): Promise<ModuleNumbers> {
  const numbers: Record<string, Float32Array> = {};
  for (const tensor of module.tensors) {
    numbers[tensor.role] = await readTensorF32(file, entryOf(layers, tensor)!);
  }
  checkFinite(folder, module, numbers);
  return numbers;
}

/**
 * Reads the numbers of layers that are known, from an adapter that was written of them: no configuration is judged.
 *
 * Throws AdapterError `adapter_mismatch` if the file has other tensors.
 */
export async function readModules(
  folder: string,
  modules: readonly TargetModule[],
): Promise<AdapterModule[]> {
  const file = await openWeights(folder);
  const names = modules.flatMap(({ tensors }) => tensors.map(({ name }) => name.split('.').at(-1)!));
  const layers = layersOfFile(
    folder,
    file,
    (local) => isTensorName(local) || names.includes(local.split('.').at(-1)!),
  );
  matchTensors(folder, modules, layers);
  const read: AdapterModule[] = [];
  for (const module of modules) {
    read.push({ ...module, numbers: await readModule(folder, file, layers, module) });
  }
  return read;
}

const MAX_CONFIG_BYTES = 1 << 20;

async function readConfig(folder: string): Promise<ReadLoraConfig> {
  const file = path.join(folder, ADAPTER_FILES.config);
  let content: Buffer;
  try {
    const { size } = await stat(file);
    if (size > MAX_CONFIG_BYTES) {
      throw new AdapterError(
        'adapter_config_invalid',
        folder,
        `${ADAPTER_FILES.config} has ${size} bytes, the limit is ${MAX_CONFIG_BYTES}`,
      );
    }
    content = await readFile(file);
  } catch (cause) {
    if (cause instanceof AdapterError) throw cause;
    throw new AdapterError(
      'adapter_not_found',
      folder,
      `${ADAPTER_FILES.config} ${fileProblem(cause)}. The folder of an adapter holds it beside ${ADAPTER_FILES.weights}`,
      { cause },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(content.toString('utf8'));
  } catch (cause) {
    throw new AdapterError(
      'adapter_config_invalid',
      folder,
      `${ADAPTER_FILES.config} ${jsonFileProblem(cause, content)}`,
      { cause },
    );
  }
  return readLoraConfig(json);
}

async function openWeights(folder: string): Promise<SafetensorsFile> {
  const exists = (name: string) =>
    access(path.join(folder, name)).then(
      () => true,
      () => false,
    );
  if (!(await exists(ADAPTER_FILES.weights))) {
    throw (await exists('adapter_model.bin'))
      ? new AdapterError(
          'adapter_weights_pickled',
          folder,
          'has its weights only as adapter_model.bin: pickle files can run code when they are opened, so they are not. ' +
            'Load it with PEFT where you trust it and save it again, which writes safetensors',
        )
      : new AdapterError('adapter_not_found', folder, `${ADAPTER_FILES.weights} is missing`);
  }
  return readSafetensorsHeader(path.join(folder, ADAPTER_FILES.weights), ADAPTER_LIMITS);
}

/** Without a model at hand the file says which layers there are; the configuration must name each of them. */
function modulesOfFile(folder: string, config: LoraConfig, layers: FileLayers): TargetModule[] {
  const isWhole = (path: string) => ![...layers.get(path)!.keys()].some((local) => local.startsWith('lora_'));
  const whole = [...layers.keys()].filter(isWhole).map((path) => {
    const weights = [...layers.get(path)!].map(([role, { shape }]) => ({ role, shape }));
    return wholeTarget(path, weights);
  });
  const paths = [...layers.keys()].filter((path) => !isWhole(path));
  const targets = config.target_modules;
  const concrete = { ...config, target_modules: targets === null || isAllLinear(targets) ? paths : targets };
  const verdicts = judgePaths(concrete, paths);
  const unexpected = paths.filter((_, i) => verdicts[i] !== 'targeted');
  if (unexpected.length > 0) {
    throw new AdapterError(
      'adapter_mismatch',
      folder,
      `has factors for ${unexpected.join(', ')}, which the configuration does not name (target_modules ${JSON.stringify(targets)})`,
      { details: { extra: unexpected } },
    );
  }
  const ranks = rankPaths(config, paths);
  const variant = variantOf(config);
  const adapted = paths.map((path, i) => {
    const shapes = Object.fromEntries([...layers.get(path)!].map(([local, { shape }]) => [local, shape]));
    const trainsBias = layers.get(path)!.has('base_layer.bias');
    return targetModule(path, geometryOfFactors(shapes), ranks[i]!, variant, trainsBias);
  });
  return [...adapted, ...whole];
}

function matchTensors(folder: string, expected: readonly TargetModule[], layers: FileLayers): void {
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const tensor of expected.flatMap(({ tensors }) => tensors)) {
    const { key, shape } = tensor;
    const entry = entryOf(layers, tensor);
    if (entry === undefined) missing.push(key);
    else if (entry.shape.join() !== shape.join()) {
      misshapen.push(`${key} is [${entry.shape.join(', ')}] and should be [${shape.join(', ')}]`);
    }
  }
  const known = new Set(expected.map(({ path }) => path));
  const extra = [...layers.keys()].filter((path) => !known.has(path));
  if (missing.length + misshapen.length + extra.length === 0) return;
  const parts = Object.entries({ missing, misshapen, extra })
    .filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `${kind}: ${names.join(', ')}`);
  throw new AdapterError(
    'adapter_mismatch',
    folder,
    `weights and configuration disagree (${parts.join('; ')})`,
    { details: { missing, misshapen, extra } },
  );
}
