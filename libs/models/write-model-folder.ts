/** A model as a folder that transformers, vLLM and this program load: weights in shards, and the files beside them. */
import { createReadStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { sizeOf } from '#base/shapes.js';
import { listModelFiles, readModelFile } from '#gguf/model-files.js';
import { classifierConfigText } from '#models/classifier-config.js';
import type { Labelled, ModelConfig } from '#models/model-config.js';
import { INDEX } from '#models/model-folder-files.js';
import type { Storage } from '#jit/graph.js';
import type { ModelFolder } from '#models/model-folder.js';
import { DTYPE_BITS } from '#models/safetensors-dtype.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';
import { fileChunks } from '#models/safetensors-write.js';
import type { TensorSource } from '#models/safetensors-write.js';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';

/** How the numbers of a model are written. */
export type ExportDtype = 'f16' | 'bf16' | 'f32';
export const EXPORT_DTYPES: Readonly<Record<ExportDtype, FloatDtype>> = {
  f16: 'F16',
  bf16: 'BF16',
  f32: 'F32',
};

/** How far writing has come. */
export interface ExportProgress {
  readonly doneBytes: number;
  /** Of all weight files together. */
  readonly totalBytes: number;
}

/** How a model is written, watched and stopped. */
export interface ModelWriteOptions {
  readonly dtype: ExportDtype;
  /** Most bytes of tensors in one file; a larger tensor has a file of its own. 5 GB unless said otherwise. */
  readonly maxShardBytes?: number;
  readonly onProgress?: (progress: ExportProgress) => void;
  /** Aborting it rejects with its reason, and nothing is left. */
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface WrittenModel {
  readonly folder: string;
  /** Names of the weight files. */
  readonly shards: readonly string[];
  /** Bytes of all tensors. */
  readonly totalBytes: number;
}

/** Beside weights and config.json, what belongs to a model: tokenizer, chat template, generation defaults, licence. */
const companions =
  /^(tokenizer(_config)?\.json|tokenizer\.model|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt|chat_template\.(jinja|json)|generation_config\.json|(licen[cs]e|notice|use_policy)[^/]*)$/i;
/** Whether a file beside weights says who may use them. */
export const isLicenceFile = (name: string): boolean => /^(licen[cs]e|notice|use_policy)[^/]*$/i.test(name);
/** Chat templates beside the usual one, as transformers saves them: `tool_use.jinja`, say. */
const templateFolder = 'additional_chat_templates';
const configNames: Readonly<Record<ExportDtype, Storage>> = {
  f16: 'float16',
  bf16: 'bfloat16',
  f32: 'float32',
};

/**
 * Writes a model of the same architecture as `base` from tensors by the names of its parameters, one after another.
 *
 * The folder appears whole or not at all. Throws LowrankError `shard_size_invalid`, `folder_exists` and `disk_full`, what
 * the tensors' chunks throw, and the reason of the signal.
 */
export async function writeModelFolder(
  folder: string,
  base: ModelFolder,
  tensors: ReadonlyMap<string, TensorSource>,
  options: ModelWriteOptions,
): Promise<WrittenModel> {
  const { dtype, maxShardBytes = 5e9, onProgress, signal } = options;
  const shards = planShards(tensors, maxShardBytes);
  const totalBytes = [...tensors.values()].reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  let doneBytes = 0;
  const watched = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      yield chunk;
      doneBytes = Math.min(totalBytes, doneBytes + chunk.length);
      onProgress?.({ doneBytes, totalBytes });
    }
  };
  await writeFolderAtomically(folder, async (temporary) => {
    for (const { name, tensors } of shards) {
      await writeFlushed(join(temporary, name), watched(fileChunks(tensors, { format: 'pt' })));
    }
    if (shards.length > 1) await writeFlushed(join(temporary, INDEX), [indexText(shards, totalBytes)]);
    await writeFlushed(join(temporary, 'config.json'), [await configText(base, dtype)]);
    for (const name of await listModelFiles(base.folder)) {
      if (companions.test(name))
        await writeFlushed(join(temporary, name), [await readModelFile(base.folder, name)]);
    }
    for (const name of await readdir(join(base.folder, templateFolder)).catch(() => [])) {
      if (!name.endsWith('.jinja')) continue;
      await mkdir(join(temporary, templateFolder), { recursive: true });
      const file = join(templateFolder, name);
      await copyFlushed(join(base.folder, file), join(temporary, file));
    }
  });
  return { folder, shards: shards.map(({ name }) => name), totalBytes };
}

function copyFlushed(from: string, to: string): Promise<unknown> {
  return writeFlushed(to, createReadStream(from) as AsyncIterable<Uint8Array>);
}

interface Shard {
  readonly name: string;
  readonly tensors: Map<string, TensorSource>;
}

/** Fills files in the order of the tensors, as huggingface_hub does, and names them as it does. */
function planShards(tensors: ReadonlyMap<string, TensorSource>, maxBytes: number): Shard[] {
  if (!(maxBytes > 0)) {
    throw new LowrankError('shard_size_invalid', `files of at most ${maxBytes} bytes: give a number above 0`);
  }
  const groups: Map<string, TensorSource>[] = [];
  let filled = Infinity;
  for (const [name, tensor] of tensors) {
    const bytes = bytesOf(tensor);
    if (filled + bytes > maxBytes) {
      groups.push(new Map());
      filled = 0;
    }
    groups.at(-1)!.set(name, tensor);
    filled += bytes;
  }
  const number = (n: number) => String(n).padStart(5, '0');
  return groups.map((tensors, i) => ({
    name:
      groups.length === 1
        ? 'model.safetensors'
        : `model-${number(i + 1)}-of-${number(groups.length)}.safetensors`,
    tensors,
  }));
}

function bytesOf({ dtype, shape }: TensorSource): number {
  return (sizeOf(shape) * DTYPE_BITS[dtype]) / 8;
}

function indexText(shards: readonly Shard[], totalBytes: number): Uint8Array {
  const places = shards.flatMap(({ name, tensors }) => [...tensors.keys()].map((tensor) => [tensor, name]));
  const index = {
    metadata: { total_size: totalBytes },
    weight_map: Object.fromEntries(places.sort(([a], [b]) => (a! < b! ? -1 : 1))) as object,
  };
  return new TextEncoder().encode(`${JSON.stringify(index, undefined, 2)}\n`);
}

/**
 * The base's config.json with the number format that was written. Its text is edited, not printed anew: JavaScript would
 * write 1.0 as 1, which strict readers take for another type.
 */
async function configText(base: ModelFolder, dtype: ExportDtype): Promise<Uint8Array> {
  let text = (await readModelFile(base.folder, 'config.json')).toString('utf8');
  const format = /"(torch_dtype|dtype)"(\s*:\s*)("[^"]*"|null)/g;
  if (format.test(text)) text = text.replace(format, `"$1"$2"${configNames[dtype]}"`);
  else text = text.replace('{', `{\n  "torch_dtype": "${configNames[dtype]}",`);
  const { architecture, labels } = base.config as ModelConfig & Partial<Labelled>;
  if (labels) text = classifierConfigText(text, architecture, labels);
  // Files whose output embedding turned out to differ hold both.
  if (!base.config.tieWordEmbeddings) text = text.replace(/("tie_word_embeddings"\s*:\s*)true/g, '$1false');
  return new TextEncoder().encode(text);
}
