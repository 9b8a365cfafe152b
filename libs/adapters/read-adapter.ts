import { access, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { UnsupportedError } from '#base/errors.js';
import { fileProblem } from '#base/file-problem.js';
import { jsonFileProblem } from '#base/json-problem.js';
import { ADAPTER_FILES, AdapterError, checkFinite } from '#adapters/adapter.js';
import type { Adapter, AdapterModule, AdapterSource } from '#adapters/adapter.js';
import { readLoraConfig } from '#lora/config.js';
import type { LoraConfig, ReadLoraConfig } from '#lora/config.js';
import { isAllLinear, judgePaths, rankPaths } from '#lora/target-modules-match.js';
import { adapterTensorName, resolveTargetModules } from '#lora/target-modules.js';
import type { TargetModule } from '#lora/target-modules.js';
import { readCardLicence } from '#models/model-origin.js';
import { ADAPTER_LIMITS, readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import type { SafetensorsFile, TensorEntry } from '#models/safetensors.js';
import { isFloatDtype } from '#models/safetensors-dtype.js';
import type { Decoder } from '#models/decoder.js';

/** An adapter in a folder whose headers have been read and found to fit each other. */
export interface OpenAdapter extends AdapterSource {
  readonly metadata: Adapter['metadata'];
  readonly ignoredFields: Adapter['ignoredFields'];
  readonly missing: Adapter['missing'];
}

/**
 * Reads an adapter in PEFT's save format; factors of other precisions are converted to float32.
 *
 * Ranks must be those that the configuration gives, and with a `model` the adapted layers and their sizes its own.
 * Throws AdapterError (`adapter_not_found`, `adapter_config_invalid`, `adapter_weights_pickled`,
 * `adapter_incomplete`, `adapter_mismatch`, `adapter_not_finite`), SafetensorsError, LoraConfigError, UnsupportedError.
 */
export async function readAdapter(
  folder: string,
  options: { readonly model?: Decoder } = {},
): Promise<Adapter> {
  const { config, metadata, ignoredFields, missing, ...source } = await openAdapter(folder, options);
  const modules = new Map<string, AdapterModule>();
  for (const [path, module] of source.modules) {
    modules.set(path, { ...module, ...(await source.readFactors(path)) });
  }
  return { config, modules, metadata, ignoredFields, missing };
}

/** Opens an adapter as `readAdapter` does, but reads its factors only when they are asked for. */
export async function openAdapter(
  folder: string,
  options: { readonly model?: Decoder } = {},
): Promise<OpenAdapter> {
  const { config, ignored } = await readConfig(folder);
  const file = await openWeights(folder);
  refuseEmptyTensors(folder, file);
  refuseOtherTensors(folder, file);
  const pairs = pairFactors(folder, file);
  const named = options.model
    ? resolveTargetModules(options.model, config).modules
    : modulesOfFile(folder, config, pairs);
  const expected = named.filter(({ path }) => pairs.has(path));
  matchPairs(folder, expected, pairs);
  const readFactors = async (path: string) => {
    const pair = pairs.get(path)!;
    const factors = { A: await readTensorF32(file, pair.A!), B: await readTensorF32(file, pair.B!) };
    checkFinite(folder, path, factors);
    return factors;
  };
  const modules = new Map(expected.map((module) => [module.path, module]));
  const licence = await readCardLicence(path.join(folder, ADAPTER_FILES.card));
  const { metadata } = file;
  const missing = named.filter(({ path }) => !pairs.has(path));
  return { name: folder, config, licence, modules, readFactors, metadata, ignoredFields: ignored, missing };
}

interface Pair {
  A?: TensorEntry;
  B?: TensorEntry;
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

/** DeepSpeed's ZeRO-3 keeps parameters in pieces; whoever saves without gathering them writes tensors of no size. */
function refuseEmptyTensors(folder: string, file: SafetensorsFile): void {
  const empty = [...file.tensors].filter(([, { shape }]) => shape.includes(0)).map(([name]) => name);
  if (empty.length === 0) return;
  throw new AdapterError(
    'adapter_incomplete',
    folder,
    `${empty.length} of ${file.tensors.size} tensors are empty: it was saved without its weights (DeepSpeed ZeRO-3). ` +
      'Save it again with "stage3_gather_16bit_weights_on_model_save": true in the DeepSpeed configuration, or make it ' +
      'from a checkpoint with zero_to_fp32.py',
    { details: { empty } },
  );
}

/** Tensors that PEFT saves for options that are not done here. */
const otherTensors: readonly [pattern: RegExp, what: string][] = [
  [/\.lora_embedding_[AB]$/, 'LoRA on an embedding'],
  [/\.lora_magnitude_vector(\.weight)?$/, 'DoRA (use_dora)'],
  [/\.lora_B\.bias$/, 'a bias on B (lora_bias)'],
  [/\.lora_/, 'a variant of LoRA'],
  [/\.base_layer\./, 'a copy of the base layer'],
  [/\.(weight|bias)$/, 'a whole module or bias (modules_to_save, bias)'],
];

function refuseOtherTensors(folder: string, file: SafetensorsFile): void {
  for (const [name, { dtype, shape }] of file.tensors) {
    const isFactor = factorKey.test(name);
    const isPeft = name.startsWith('base_model.model.');
    const what = isPeft && !isFactor ? otherTensors.find(([pattern]) => pattern.test(name))?.[1] : undefined;
    if (what !== undefined) {
      throw new UnsupportedError(
        `adapter ${folder}: tensor ${name} belongs to ${what}, which is not supported`,
        {
          folder,
          tensor: name,
        },
      );
    }
    if (!isFactor) continue;
    if (shape.length !== 2 || !(isFloatDtype(dtype) || dtype === 'F64')) {
      throw new UnsupportedError(
        `adapter ${folder}: tensor ${name} is [${shape.join(', ')}] of ${dtype}; factors must be matrices of F32, BF16, F16 or F64: save it in one of these`,
        { folder, tensor: name, shape, dtype },
      );
    }
  }
}

/** With the name of the adapter, `default`, where a whole state dict was saved instead of `save_pretrained`. */
const factorKey = /^base_model\.model\.(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/;

function pairFactors(folder: string, file: SafetensorsFile): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  const unexpected: string[] = [];
  const adapters = new Set<string>();
  for (const [name, entry] of file.tensors) {
    const [, module, factor, adapter = ''] = factorKey.exec(name) ?? [];
    if (module === undefined) {
      unexpected.push(name);
      continue;
    }
    adapters.add(adapter);
    const pair = pairs.get(module) ?? {};
    pair[factor as 'A' | 'B'] = entry;
    pairs.set(module, pair);
  }
  if (adapters.size > 1) {
    const names = [...adapters].map((name) => name || '(none)').join(', ');
    throw new AdapterError(
      'adapter_mismatch',
      folder,
      `has the factors of several adapters, ${names}: save each in a folder of its own`,
      { details: { adapters: [...adapters] } },
    );
  }
  if (unexpected.length > 0 || pairs.size === 0) {
    throw new AdapterError(
      'adapter_mismatch',
      folder,
      unexpected.length > 0
        ? `tensors ${unexpected.slice(0, 5).join(', ')} are not named like ${adapterTensorName('MODULE', 'A')}`
        : 'has no tensors',
      { details: { extra: unexpected } },
    );
  }
  return pairs;
}

/** Without a model at hand the file says which layers there are; the configuration must name each of them. */
function modulesOfFile(folder: string, config: LoraConfig, pairs: ReadonlyMap<string, Pair>): TargetModule[] {
  const paths = [...pairs.keys()];
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
  return paths.map((path, i) => {
    const { A, B } = pairs.get(path)!;
    return { path, inFeatures: A?.shape[1] ?? 0, outFeatures: B?.shape[0] ?? 0, ...ranks[i]! };
  });
}

function matchPairs(
  folder: string,
  expected: readonly TargetModule[],
  pairs: ReadonlyMap<string, Pair>,
): void {
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { path, r, inFeatures, outFeatures } of expected) {
    for (const [factor, shape] of [['A', [r, inFeatures]] as const, ['B', [outFeatures, r]] as const]) {
      const name = adapterTensorName(path, factor);
      const entry = pairs.get(path)?.[factor];
      if (entry === undefined) missing.push(name);
      else if (entry.shape.join() !== shape.join()) {
        misshapen.push(`${name} is [${entry.shape.join(', ')}] and should be [${shape.join(', ')}]`);
      }
    }
  }
  const known = new Set(expected.map(({ path }) => path));
  const extra = [...pairs.keys()].filter((path) => !known.has(path));
  if (missing.length + misshapen.length + extra.length === 0) return;
  const parts = Object.entries({ missing, misshapen, extra })
    .filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `${kind}: ${names.join(', ')}`);
  throw new AdapterError(
    'adapter_mismatch',
    folder,
    `weights and configuration disagree (${parts.join('; ')})`,
    {
      details: { missing, misshapen, extra },
    },
  );
}
