/**
 * One checkpoint: a folder that holds everything a run needs to go on bit for bit, and that PEFT reads as an adapter.
 *
 *     adapter_config.json, adapter_model.safetensors, README.md   the adapter
 *     optimizer.safetensors                                       AdamW's moments
 *     int8.safetensors                                            how matrices of the base are rounded, if they are
 *     state.json                                                  progress, identity, chosen options, machine
 *     manifest.json                                               size and SHA-256 of every other file
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { flattenModules, unflattenModules } from '#adapters/flat-factors.js';
import { readModules } from '#adapters/read-adapter.js';
import { writeAdapterFiles } from '#adapters/write-adapter.js';
import { LowrankError } from '#base/errors.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import type { LoraConfig } from '#lora/config.js';
import type { TargetModule } from '#lora/target-module.js';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import { fileChunks, floatSource } from '#models/safetensors-write.js';
import type { Int8Weights } from '#models/int8-base.js';
import { viewOf } from '#nn/flat-state.js';
import { int8Chunks, int8File } from '#training/base-precision/saved-int8.js';
import { type CheckpointState, checkpointState } from '#training/run-state.js';

/** The numbers of an adapter and AdamW's moments of what is trained of it, flat vectors. */
export interface TrainedVectors {
  readonly parameters: Float32Array;
  readonly moment1: Float32Array;
  readonly moment2: Float32Array;
}

const manifestSchema = z.object({
  format: z.literal(1),
  files: z.record(z.string(), z.object({ bytes: z.int(), sha256: z.string() })),
});

const files = { optimizer: 'optimizer.safetensors', state: 'state.json', manifest: 'manifest.json' };
/** PyTorch's names for AdamW's moments. */
const moments = { moment1: 'exp_avg', moment2: 'exp_avg_sq' } as const;

/** What a checkpoint is written from. */
export interface CheckpointContent extends TrainedVectors {
  readonly config: LoraConfig;
  /** Of the base model. */
  readonly licence?: string | null;
  /** See `AdapterContent`. */
  readonly classifier?: string | undefined;
  readonly start?: string | undefined;
  /** Whose tensors the parameters are, in their order. */
  readonly modules: readonly TargetModule[];
  /** Whose tensors the moments are of, where that is not the same. */
  readonly trained?: readonly TargetModule[];
  readonly state: CheckpointState;
  /** How the run rounds the matrices of its base model, if it does. */
  readonly int8?: Int8Weights;
}

/**
 * Writes a checkpoint, flushed to the disk; the folder appears whole or not at all.
 *
 * Throws LowrankError `disk_full` and `folder_exists`, AdapterError `adapter_not_finite`; nothing is left of it then.
 */
export async function writeCheckpoint(folder: string, content: CheckpointContent): Promise<void> {
  const { config, licence, classifier, start, parameters, state } = content;
  const { entries } = adapterLayout(content.trained ?? content.modules);
  const json = (value: unknown) => [Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)];
  await writeFolderAtomically(folder, async (temporary) => {
    const modules = unflattenModules(content.modules, parameters);
    await writeAdapterFiles(temporary, { config, licence, classifier, start, modules }, folder);
    const tensors = Object.entries(moments).flatMap(([vector, prefix]) =>
      entries.map((entry) => {
        const data = viewOf(content[vector as keyof typeof moments], entry);
        return [`${prefix}.${entry.name}`, floatSource({ data, shape: entry.shape })] as const;
      }),
    );
    await writeFlushed(join(temporary, files.optimizer), fileChunks(new Map(tensors)));
    if (content.int8) await writeFlushed(join(temporary, int8File), int8Chunks(content.int8));
    await writeFlushed(join(temporary, files.state), json(state));
    await writeFlushed(join(temporary, files.manifest), json(await describeFiles(temporary)));
  });
}

async function describeFiles(folder: string): Promise<z.infer<typeof manifestSchema>> {
  const entries = (await readdir(folder)).sort().map(async (name) => {
    const content = await readFile(join(folder, name));
    return [name, { bytes: content.length, sha256: sha256(content) }] as const;
  });
  return { format: 1, files: Object.fromEntries(await Promise.all(entries)) };
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function corrupt(folder: string, problem: string, cause?: unknown): LowrankError {
  return new LowrankError('checkpoint_corrupt', `checkpoint ${folder} is damaged: ${problem}`, {
    cause,
    details: { folder },
  });
}

/**
 * Reads the state of a checkpoint after holding every file against its SHA-256.
 *
 * Throws LowrankError `checkpoint_corrupt`.
 */
export async function openCheckpoint(folder: string): Promise<CheckpointState> {
  const manifest = await readJson(folder, files.manifest, manifestSchema);
  if (!(files.state in manifest.files))
    throw corrupt(folder, `${files.manifest} does not name ${files.state}`);
  for (const [name, { sha256: expected }] of Object.entries(manifest.files)) {
    const content = await readFile(join(folder, name)).catch((cause: unknown) => {
      throw corrupt(folder, `${name} cannot be read`, cause);
    });
    if (sha256(content) !== expected) throw corrupt(folder, `${name} has other content than was written`);
  }
  return readJson(folder, files.state, checkpointState);
}

/**
 * The vectors of a checkpoint that `openCheckpoint` found sound; `trained` are the layers of the moments, where the
 * adapter has others. Throws the errors of `readModules`.
 */
export async function readVectors(
  folder: string,
  modules: readonly TargetModule[],
  trained = modules,
): Promise<TrainedVectors> {
  const parameters = await readParameters(folder, modules);
  const { entries, size } = adapterLayout(trained);
  const file = await readSafetensorsHeader(join(folder, files.optimizer));
  const vector = async (prefix: string) => {
    const flat = new Float32Array(size);
    for (const entry of entries) {
      const tensor = file.tensors.get(`${prefix}.${entry.name}`);
      if (!tensor || tensor.shape.join() !== entry.shape.join()) {
        throw corrupt(folder, `${files.optimizer} lacks ${prefix}.${entry.name} [${entry.shape.join(', ')}]`);
      }
      flat.set(await readTensorF32(file, tensor), entry.offset);
    }
    return flat;
  };
  return {
    parameters,
    moment1: await vector(moments.moment1),
    moment2: await vector(moments.moment2),
  };
}

/** The adapter of a checkpoint as a flat vector, in the order of its layers. */
export async function readParameters(
  folder: string,
  modules: readonly TargetModule[],
): Promise<Float32Array> {
  return flattenModules(await readModules(folder, modules));
}

async function readJson<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, name), 'utf8'));
  } catch (cause) {
    throw corrupt(folder, `${name} cannot be read`, cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw corrupt(folder, `${name} has another form than this version writes`);
  return parsed.data;
}
