/** Which files of a folder hold a model's weights, before anything is read from them. */
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { fileProblem } from '#base/file-problem.js';
import { isGgufPath, listModelFiles } from '#gguf/model-files.js';
import { jsonFileProblem } from '#base/json-problem.js';

/** A safetensors file of a model. */
export interface WeightFile {
  /** Its name in the model folder. */
  readonly name: string;
  /** Where it really lies, all symbolic links followed: the Hugging Face cache keeps its blobs elsewhere. */
  readonly realPath: string;
}

/** The weight files of a model folder. */
export interface WeightFiles {
  readonly files: readonly WeightFile[];
  /** The file that each tensor is in, by the index of a sharded model; undefined for a single file. */
  readonly index: ReadonlyMap<string, string> | undefined;
}

const SINGLE = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Finds `model.safetensors`, or the files that `model.safetensors.index.json` names.
 *
 * Throws LowrankError `weights_pickled`, `weights_not_found`, `weights_index_invalid` and UnsupportedError.
 */
export async function findWeightFiles(folder: string): Promise<WeightFiles> {
  const names = await listModelFolder(folder);
  if (isGgufPath(folder)) {
    return {
      files: [{ name: path.basename(folder), realPath: await realpath(folder) }],
      index: undefined,
    };
  }
  // transformers takes the single file first where both exist.
  if (names.includes(SINGLE)) return { files: await resolve(folder, [SINGLE]), index: undefined };
  if (!names.includes(INDEX)) throw noWeights(folder, names);
  const index = await readIndex(path.join(folder, INDEX));
  const files = [...new Set(index.values())].sort();
  return { files: await resolve(folder, files), index };
}

/** The weight files that the index of a sharded model names, sorted. Throws LowrankError `weights_index_invalid`. */
export async function shardsOf(folder: string): Promise<string[]> {
  return [...new Set((await readIndex(path.join(folder, INDEX))).values())].sort();
}

/** The names in a folder. Throws LowrankError `model_folder_not_found` if there is none that can be read. */
export async function listModelFolder(folder: string): Promise<string[]> {
  try {
    return await listModelFiles(folder);
  } catch (cause) {
    throw new LowrankError('model_folder_not_found', `the folder ${folder} ${fileProblem(cause)}`, {
      cause,
      details: { folder },
    });
  }
}

async function readIndex(file: string): Promise<Map<string, string>> {
  const invalid = (problem: string, cause?: unknown) =>
    new LowrankError('weights_index_invalid', `${file} ${problem}`, { cause, details: { file } });
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (cause) {
    throw invalid(fileProblem(cause), cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(content.toString('utf8'));
  } catch (cause) {
    throw invalid(jsonFileProblem(cause, content), cause);
  }
  const parsed = indexSchema.safeParse(json);
  if (!parsed.success) {
    throw invalid('has no weight_map from tensor names to file names. Download the file again.');
  }
  const index = new Map(Object.entries(parsed.data.weight_map));
  for (const [tensor, name] of index) {
    if (name !== path.basename(name) || /[\\/\0]|^\.*$/.test(name) || !name.endsWith('.safetensors')) {
      throw invalid(
        `places tensor ${JSON.stringify(tensor)} in ${JSON.stringify(name)}: only names of .safetensors files beside it are followed`,
      );
    }
  }
  return index;
}

async function resolve(folder: string, names: readonly string[]): Promise<WeightFile[]> {
  return Promise.all(
    names.map(async (name) => {
      try {
        return { name, realPath: await realpath(path.join(folder, name)) };
      } catch (cause) {
        throw new LowrankError(
          'weights_not_found',
          `${path.join(folder, name)} ${fileProblem(cause)}. Download the file again, or the whole model.`,
          {
            cause,
            details: { folder, file: name },
          },
        );
      }
    }),
  );
}

function noWeights(folder: string, names: readonly string[]): LowrankError {
  const found = (pattern: RegExp) => names.filter((name) => pattern.test(name));
  const pickled = found(/\.(bin|pt|pth|ckpt)$/);
  if (pickled.length > 0) {
    return new LowrankError(
      'weights_pickled',
      `${folder} has its weights only as ${pickled.join(', ')}: pickle files can run code when they are opened, so they are ` +
        'not. Convert them once where you trust them: python -c "from transformers import AutoModelForCausalLM as M; ' +
        `M.from_pretrained('${folder}').save_pretrained('OUT')", and use the folder OUT`,
      { details: { folder, files: pickled } },
    );
  }
  const shards = found(/^model-\d+-of-\d+\.safetensors$/);
  if (shards.length > 0) {
    return new LowrankError(
      'weights_not_found',
      `${folder} holds ${shards.length} shards (${shards[0]}, ...) but not ${INDEX}, which says what is in them: download that file too`,
      { details: { folder, files: shards } },
    );
  }
  const [gguf] = found(/\.gguf$/);
  if (gguf !== undefined) {
    return new UnsupportedError(
      `${folder} has its weights only as GGUF: name the file itself, ${path.join(folder, gguf)}`,
      { folder, files: [gguf] },
    );
  }
  const foreign = found(/\.(h5|msgpack|onnx)$|^consolidated.*\.safetensors$/);
  if (foreign.length > 0) {
    return new UnsupportedError(
      `${folder} has its weights only as ${foreign.join(', ')}; known layouts: ${SINGLE}, ${INDEX}`,
      { folder, files: foreign },
    );
  }
  return new LowrankError(
    'weights_not_found',
    `${folder} holds neither ${SINGLE} nor ${INDEX}; is it the folder of a model?`,
    { details: { folder } },
  );
}
