/**
 * An adapter merged into its base model as one GGUF file: weights, configuration, tokenizer and chat template, for llama.cpp
 * and what stands on it. Format: conversion/ of github.com/ggml-org/llama.cpp.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFlushed } from '#base/atomic-file.js';
import { UnsupportedError } from '#base/errors.js';
import type { ExportDtype } from '#adapters/exports/declared.js';
import type { ExportFormat, ExportMaterial } from '#adapters/exports/export-format.js';
import { ggufOf } from '#adapters/exports/gguf-base.js';
import { oneLine, writeGgufFolder } from '#adapters/exports/write-gguf-file.js';
import { type MergedWeights, mergedWeights } from '#adapters/merged-weights.js';
import { ggufVocabulary } from '#data/gguf-vocabulary.js';
import type { GgufTensorType, GgufValue } from '#gguf/format.js';
import type { GgufTensorSource } from '#gguf/write.js';
import type { GgufModel } from '#models/gguf/gguf-model.js';
import { ggufTensor, ggufTypeOf } from '#models/gguf/gguf-tensor.js';
import type { TextConfig } from '#models/model-config.js';
import { isLicenceFile } from '#models/write-model-folder.js';

/** How numbers are stored, and what `general.file_type` says of it. */
const numbers: Readonly<Record<ExportDtype, { readonly type: GgufTensorType; readonly fileType: number }>> = {
  f32: { type: 'F32', fileType: 0 },
  f16: { type: 'F16', fileType: 1 },
  q8_0: { type: 'Q8_0', fileType: 7 },
  bf16: { type: 'BF16', fileType: 32 },
};

export const mergedGguf: ExportFormat = {
  async check(material) {
    await contentOf(material, 'f16');
  },

  async write({ output, dtype, onProgress, ...material }) {
    const { baseFolder, member, signal } = material;
    const { name: adapter, config } = member.adapter;
    const { metadata, tensors } = await contentOf(material, dtype);
    const file = `model-${dtype}.gguf`;
    await writeGgufFolder(
      { output, onProgress, signal },
      {
        name: file,
        metadata,
        tensors,
        modelfile: `# ${oneLine(config.base_model_name_or_path ?? 'A base model')} with the adapter ${oneLine(adapter)} in its weights.
# Ollama: ollama create NAME -f Modelfile
# llama.cpp: llama-server --model ${file}
FROM ./${file}
`,
        more: (folder) => copyLicences(baseFolder, folder),
      },
    );
  },
};

/** What the file will hold, made when it is written. */
async function contentOf({ baseFolder, member, signal }: ExportMaterial, dtype: ExportDtype) {
  const { name: adapter } = member.adapter;
  const merged = await mergedWeights(baseFolder, [member], signal);
  const model = ggufOf(merged.base, adapter);
  if (model.refusal !== undefined) {
    throw new UnsupportedError(
      `${adapter} cannot be exported as GGUF: ${model.refusal}, which llama.cpp computes otherwise. Export it merged as safetensors`,
      { adapter },
    );
  }
  const { vocabSize } = merged.base.config as TextConfig;
  const { type, fileType } = numbers[dtype];
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: model.architecture }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: adapter }],
    ['general.file_type', { type: 'uint32', value: fileType }],
    ['general.quantization_version', { type: 'uint32', value: 2 }],
    ...model.metadata,
    ...(await ggufVocabulary(baseFolder, vocabSize)),
  ]);
  return { metadata, tensors: tensorsOf(merged, model, type, adapter) };
}

function tensorsOf(
  { weights }: MergedWeights,
  model: GgufModel,
  usual: GgufTensorType,
  adapter: string,
): Map<string, GgufTensorSource> {
  const tensors = new Map<string, GgufTensorSource>();
  for (const [name, { parameter, edit }] of weights) {
    const named = model.nameOf(name);
    if (named === undefined) {
      throw new UnsupportedError(
        `${adapter} cannot be exported as GGUF: llama.cpp has no place for ${name}. Export it merged as safetensors`,
        { adapter, tensor: name },
      );
    }
    const type = ggufTypeOf(parameter.shape, usual);
    tensors.set(named, ggufTensor(name, parameter, model, type, edit));
  }
  for (const [name, data] of model.tensors) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.set(name, { type: 'F32', shape: [data.length], chunks: () => [bytes] });
  }
  return tensors;
}

/** Licences of the base go where its weights go. */
async function copyLicences(from: string, to: string): Promise<void> {
  const names = await readdir(from).catch(() => []);
  for (const name of names.filter(isLicenceFile)) {
    await writeFlushed(join(to, name), createReadStream(join(from, name)) as AsyncIterable<Uint8Array>);
  }
}
