/**
 * A base model with rounded matrices, made once and kept in a folder of a cache:
 *
 *     <digest>/weights.safetensors   what stands for rounded matrices, and all others as the model's own files have them
 *     <digest>/manifest.json         size and SHA-256 of that file
 *
 * Everything lies in one file, because ONNX Runtime maps weights from one folder only, and a cache may be on another disk
 * than the model. The digest is that of the base model and of how its matrices are rounded.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import { LowrankError } from '#base/errors.js';
import type { ByteRange, PlainWeight, QuantisedWeight, WeightSpec } from '#jit/graph.js';
import { copyTensor } from '#models/convert-tensor.js';
import { readRows } from '#models/frozen-weights.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import { readSafetensorsHeader } from '#models/safetensors.js';
import { fileChunks, type TensorSource } from '#models/safetensors-write.js';

/** Where the tensor of a name lies in the file. */
export type RangeOf = (name: string) => ByteRange;

/** How one parameter is rounded. */
export interface RoundedParameter {
  /** What is written for it, made one after another in this order; equal names of several parameters are one tensor. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** Whether the original is written beside them. */
  readonly keepsOriginal: boolean;
  source(rangeOf: RangeOf, original: PlainWeight | undefined): QuantisedWeight;
}

/** How the parameters of a model are rounded. */
export interface Rounding {
  /** The precision, for messages. */
  readonly name: string;
  /** Adds to a digest whatever, beside the base model, decides over the bytes. */
  describe(hash: Hash): void;
  /** Undefined for one that stays as it is stored. */
  round(parameter: StoredParameter): RoundedParameter | undefined;
}

export interface QuantisedBaseOptions {
  /** Digest of the base model's files. */
  readonly identity: string;
  /** The cache. */
  readonly folder: string;
  readonly onProgress: (done: number, total: number) => void;
  /** Awaited now and then while a file is made; may throw to stop. */
  readonly pause: () => Promise<void>;
  /** Told where a file of the cache was changed and is made anew. */
  readonly onDamage: (message: string) => void;
}

export interface QuantisedBase {
  /** Of the base model and of how its matrices are rounded. */
  readonly digest: string;
  /** The weights as step functions ask for them. */
  readonly specs: Readonly<Record<string, WeightSpec>>;
}

const format = 1;
const files = { weights: 'weights.safetensors', manifest: 'manifest.json' };
const manifestSchema = z.object({ format: z.literal(format), bytes: z.int(), sha256: z.string() });

/**
 * The weights of a model, rounded as told: from the cache, or made and kept there.
 *
 * Throws LowrankError `weight_not_finite` and `disk_full`, and whatever `pause` throws; nothing is left of it then.
 */
export async function openQuantisedBase(
  base: ModelFolder,
  rounding: Rounding,
  options: QuantisedBaseOptions,
): Promise<QuantisedBase> {
  const hash = createHash('sha256').update(`${format} ${options.identity}\n`);
  rounding.describe(hash);
  const digest = hash.digest('hex');
  const folder = join(options.folder, digest);
  if (!(await isSound(folder, rounding, options.onDamage))) await make(folder, base, rounding, options);
  // Pruning goes by when something was last used.
  await utimes(folder, new Date(), new Date()).catch(() => undefined);
  return { digest, specs: await specsOf(await realpath(join(folder, files.weights)), base, rounding) };
}

async function isSound(
  folder: string,
  { name }: Rounding,
  onDamage: (message: string) => void,
): Promise<boolean> {
  const text = await readFile(join(folder, files.manifest), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  try {
    const { bytes, sha256 } = manifestSchema.parse(JSON.parse(text));
    const found = await hashFile(join(folder, files.weights));
    if (found.bytes === bytes && found.sha256 === sha256) return true;
  } catch {
    // As if it had other content.
  }
  onDamage(`the cached ${name} weights in ${folder} are not what was written: they are made again`);
  await rm(folder, { recursive: true, force: true });
  return false;
}

async function hashFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 22 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Every tensor of the file, made when its turn comes. */
function tensorsOf(base: ModelFolder, rounding: Rounding): Map<string, TensorSource> {
  const tensors = new Map<string, TensorSource>();
  for (const parameter of base.parameters.values()) {
    const rounded = rounding.round(parameter);
    if (!rounded || rounded.keepsOriginal) tensors.set(parameter.name, copyTensor(parameter));
    for (const [name, tensor] of rounded?.tensors ?? []) tensors.set(name, tensor);
  }
  return tensors;
}

/** Rows of a parameter as float32. Throws LowrankError `weight_not_finite`. */
export async function readFiniteRows(
  parameter: StoredParameter,
  first: number,
  count: number,
): Promise<Float32Array> {
  const numbers = await readRows(parameter, first, count);
  const at = numbers.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return numbers;
  const index = (first * numbers.length) / count + at;
  throw new LowrankError(
    'weight_not_finite',
    `${parameter.name} holds ${numbers[at]} at ${index}: the base model is damaged, download it again`,
    { details: { tensor: parameter.name, index } },
  );
}

async function make(
  folder: string,
  base: ModelFolder,
  rounding: Rounding,
  { onProgress, pause }: QuantisedBaseOptions,
): Promise<void> {
  const tensors = tensorsOf(base, rounding);
  const total = tensors.size;
  let done = 0;
  const watched = [...tensors].map(([name, tensor]) => {
    async function* chunks() {
      onProgress(done++, total);
      for await (const chunk of tensor.chunks()) {
        await pause();
        yield chunk;
      }
    }
    return [name, { ...tensor, chunks }] as const;
  });
  try {
    await writeFolderAtomically(folder, async (temporary) => {
      const path = join(temporary, files.weights);
      await writeFlushed(path, fileChunks(new Map(watched)));
      const manifest = JSON.stringify({ format, ...(await hashFile(path)) });
      await writeFlushed(join(temporary, files.manifest), [Buffer.from(manifest)]);
    });
  } catch (error) {
    // Another process made it meanwhile.
    if (!(error instanceof LowrankError && error.code === 'folder_exists')) throw error;
  }
}

async function specsOf(
  file: string,
  base: ModelFolder,
  rounding: Rounding,
): Promise<Record<string, WeightSpec>> {
  const { tensors } = await readSafetensorsHeader(file);
  const rangeOf = (name: string): ByteRange => {
    const { offset, byteLength } = tensors.get(name)!;
    return { file, offset, byteLength };
  };
  const specs = [...base.parameters.values()].map((parameter): [string, WeightSpec] => {
    const { name, shape } = parameter;
    const rounded = rounding.round(parameter);
    const plain = (): PlainWeight => ({
      ...rangeOf(name),
      storage: 'storage' in parameter ? parameter.storage : 'float32',
    });
    if (!rounded) return [name, { shape, source: plain() }];
    const original = rounded.keepsOriginal ? plain() : undefined;
    return [name, { shape, source: rounded.source(rangeOf, original) }];
  });
  return Object.fromEntries(specs);
}
