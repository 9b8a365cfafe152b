import { access, realpath } from 'node:fs/promises';
import path from 'node:path';
import { LowrankError } from '#base/errors.js';
import type { FileWeight, Storage } from '#jit/graph.js';
import { isGgufPath } from '#gguf/model-files.js';
import { readModelConfig } from '#models/config.js';
import { findWeightFiles, INDEX, listModelFolder } from '#models/model-folder-files.js';
import type { WeightFile, WeightFiles } from '#models/model-folder-files.js';
import { isFloatDtype } from '#models/safetensors-dtype.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';
import { readSafetensorsHeader, sameTensor } from '#models/safetensors.js';
import type { LocatedTensor } from '#models/located-tensor.js';
import { matchTensors } from '#models/match-tensors.js';
import { locateGgufTensors } from '#models/gguf/read-tensors.js';
import { buildModel, familyOf } from '#models/families/registry.js';
import type { ModelConfig } from '#models/model-config.js';
import type { Model } from '#models/model.js';
import type { Parameter } from '#nn/module.js';

/** Where the numbers of one parameter lie on this disk; the file's path is real, all symbolic links followed. */
export type StoredParameter = FileWeight & {
  readonly name: string;
  /** Its name in the files, which may be another. */
  readonly storedAs: string;
  readonly shape: readonly number[];
};

/** A model on this disk that is complete and of a known architecture. Nothing but headers has been read. */
export interface ModelFolder {
  readonly folder: string;
  readonly config: ModelConfig;
  /** Its layers: names and shapes, no numbers. Nothing may be changed in it. */
  readonly tree: Model;
  /** By the names of the model's parameters, one for each. */
  readonly parameters: ReadonlyMap<string, StoredParameter>;
  /** Tensors of parts of the model that are left alone, by their names in the files. */
  readonly otherParts: ReadonlyMap<string, StoredParameter>;
  readonly weightFiles: readonly WeightFile[];
  /**
   * The real folders that the weight files lie in, usually one. ONNX Runtime takes external data from one folder only:
   * a model with several needs them linked or copied into one first.
   */
  readonly realFolders: readonly string[];
  /** Real path of tokenizer.json, or null. */
  readonly tokenizer: string | null;
  /** Parameters that no file has: of a head that the model is to be given. */
  readonly untrained: readonly string[];
  /** Tensors in the files that no code reads, all known to be harmless. */
  readonly ignoredTensors: readonly string[];
  /** Where the files contradict config.json and the files were followed. */
  readonly warnings: readonly string[];
}

const storages: Readonly<Record<FloatDtype, Storage>> = {
  F32: 'float32',
  BF16: 'bfloat16',
  F16: 'float16',
};

/**
 * Opens the folder of a model as the hub or its cache has it and finds every parameter of its architecture.
 *
 * Reads config.json and the headers of the weight files; weights themselves only where a tied model stores its output
 * embedding too, to see whether they are equal (if not, they are not tied, as in transformers 5.23).
 * Throws the errors of `readModelConfig`, `findWeightFiles` and `readSafetensorsHeader`, ModelWeightsError,
 * LowrankError `tokenizer_not_found` (if `tokenizer` is 'required' and the model reads texts) and UnsupportedError for other dtypes.
 */
export async function openModelFolder(
  folder: string,
  options: { readonly tokenizer?: 'required' | 'optional' } = {},
): Promise<ModelFolder> {
  await listModelFolder(folder);
  const written = await readModelConfig(folder);
  const need = familyOf(written).inputs === 'tokens' ? options.tokenizer : undefined;
  const tokenizer = await findTokenizer(folder, need ?? 'optional');
  const weightFiles = await findWeightFiles(folder);
  const located = isGgufPath(folder)
    ? await locateGgufTensors(folder, weightFiles.files[0]!.realPath, written)
    : await locateTensors(folder, weightFiles);
  const tensors = renamed(written, located);
  const { config, warnings } = await settleTying(written, tensors);
  const tree = buildModel(config);
  matchTensors(folder, tree, tensors);
  const all = [...tree.parameters()];
  const parameters = new Map(
    all
      .filter(({ name }) => tensors.has(name))
      .map((parameter): [string, StoredParameter] => [
        parameter.name,
        stored(parameter, tensors.get(parameter.name)!),
      ]),
  );
  return {
    folder,
    config,
    tree,
    parameters,
    otherParts: findOtherParts(config, tensors),
    weightFiles: weightFiles.files,
    realFolders: [...new Set(weightFiles.files.map(({ realPath }) => path.dirname(realPath)))].sort(),
    tokenizer,
    untrained: all.flatMap(({ name }) => (tensors.has(name) ? [] : [name])),
    ignoredTensors: [...tensors.keys()].filter((name) => !parameters.has(name)).sort(),
    warnings: [...config.warnings, ...warnings],
  };
}

async function findTokenizer(folder: string, need: 'required' | 'optional'): Promise<string | null> {
  const file = path.join(folder, 'tokenizer.json');
  if (isGgufPath(folder)) return realpath(folder);
  try {
    await access(file);
    return await realpath(file);
  } catch (cause) {
    if (need === 'optional') return null;
    throw new LowrankError(
      'tokenizer_not_found',
      `${file} is missing: only fast tokenizers are read. Save one with transformers' AutoTokenizer(...).save_pretrained`,
      { cause, details: { folder } },
    );
  }
}

async function locateTensors(
  folder: string,
  { files, index }: WeightFiles,
): Promise<Map<string, LocatedTensor>> {
  const tensors = new Map<string, LocatedTensor>();
  const origin = new Map<string, string>();
  for (const { name: file, realPath } of files) {
    // By its name in the folder: in the cache of the hub the real one is a digest.
    const { tensors: found } = await readSafetensorsHeader(path.join(folder, file));
    for (const [name, entry] of found) {
      const other = origin.get(name);
      if (other !== undefined) {
        throw new LowrankError(
          'weights_index_invalid',
          `${folder}: tensor ${JSON.stringify(name)} is in ${other} and in ${file}; remove the one that ${INDEX} does not name`,
          { details: { folder, tensor: name, files: [other, file] } },
        );
      }
      origin.set(name, file);
      tensors.set(name, { storedAs: name, path: realPath, entry });
    }
  }
  for (const [name, file] of index ?? []) {
    if (origin.get(name) !== file) {
      throw new LowrankError(
        'weights_index_invalid',
        `${folder}: ${INDEX} places tensor ${JSON.stringify(name)} in ${file}, but it is ${origin.has(name) ? `in ${origin.get(name)}` : 'in no file'}`,
        { details: { folder, tensor: name, file } },
      );
    }
  }
  return tensors;
}

/** Tensors under the names of the parameters that they are, whatever the files call them. */
function renamed(
  config: ModelConfig,
  tensors: ReadonlyMap<string, LocatedTensor>,
): Map<string, LocatedTensor> {
  const result = new Map(tensors);
  const model = buildModel(config);
  const namesOf = namesIn(config);
  const names = [...model.parameters()].map(({ name }) => name);
  for (const name of [...names, ...(model.tiedWeight ? [model.tiedWeight.otherName] : [])]) {
    const found = namesOf(name).find((candidate) => tensors.has(candidate));
    if (found === undefined || found === name) continue;
    result.delete(found);
    result.set(name, tensors.get(found)!);
  }
  return result;
}

/** The names that a parameter may have in the files of a model, the likeliest first. */
function namesIn(config: ModelConfig): (name: string) => readonly string[] {
  const { files, bodies } = familyOf(config);
  const { namesOf = (name: string) => [name] } = files ?? {};
  if (config.bodyOf === undefined || !bodies) return namesOf;
  const { prefix } = bodies;
  const bare = (name: string) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []);
  return (name) => namesOf(name).flatMap((candidate) => [candidate, ...bare(candidate)]);
}

function findOtherParts(
  config: ModelConfig,
  tensors: ReadonlyMap<string, LocatedTensor>,
): ReadonlyMap<string, StoredParameter> {
  const pattern = familyOf(config).files?.otherParts;
  const found = [...tensors].filter(([name, { entry }]) => pattern?.test(name) && isFloatDtype(entry.dtype));
  return new Map(found.map(([name, tensor]) => [name, stored({ name, shape: tensor.entry.shape }, tensor)]));
}

/** What `tie_word_embeddings` comes to, given what the files hold; moves a tied weight under the name it is read by. */
async function settleTying(
  config: ModelConfig,
  tensors: Map<string, LocatedTensor>,
): Promise<{ config: ModelConfig; warnings: string[] }> {
  const { tiedWeight } = buildModel(config);
  if (!tiedWeight) return { config, warnings: [] };
  const { otherName: headName, parameter } = tiedWeight;
  const { name } = parameter;
  const head = tensors.get(headName);
  if (head === undefined) return { config, warnings: [] };
  const embedding = tensors.get(name);
  if (embedding === undefined) {
    tensors.set(name, head);
    tensors.delete(headName);
    return { config, warnings: [] };
  }
  if (await sameTensor(embedding, head)) return { config, warnings: [] };
  return {
    config: { ...config, tieWordEmbeddings: false },
    warnings: [
      `config.json says tie_word_embeddings, but ${headName} differs from ${name}: they are not tied`,
    ],
  };
}

function stored(
  { name, shape }: Pick<Parameter, 'name' | 'shape'>,
  { storedAs, path: file, entry, blocks }: LocatedTensor,
): StoredParameter {
  if (blocks) return { name, storedAs, shape, ...blocks };
  return {
    name,
    storedAs,
    shape,
    storage: storages[entry.dtype as FloatDtype],
    file,
    offset: entry.offset,
    byteLength: entry.byteLength,
  };
}
