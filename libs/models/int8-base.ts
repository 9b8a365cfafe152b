/**
 * A base model with its matrices in int8, made once and kept in a folder of a cache:
 *
 *     <digest>/weights.safetensors   the copies of int8 matrices, and everything else as the model's own files have it
 *     <digest>/manifest.json         size and SHA-256 of that file
 *
 * Everything lies in one file, because ONNX Runtime maps weights from one folder only, and a cache may be on another disk
 * than the model. The digest is that of the base model and of how each matrix is rounded.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import { LowrankError } from '#base/errors.js';
import type { ByteRange, WeightSpec } from '#jit/graph.js';
import { copyTensor } from '#models/convert-tensor.js';
import { readParameter } from '#models/frozen-weights.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import { readSafetensorsHeader } from '#models/safetensors.js';
import { fileChunks, floatSource, type TensorSource } from '#models/safetensors-write.js';
import { int8Ranges } from '#runtime/weight-schemes/int8.js';
import { codesOf, type MatrixSide, outerScales } from '#runtime/weight-schemes/int8-codes.js';

/** How one matrix of a model is rounded. */
export interface Int8Weight {
  /** Whether its layer multiplies activations by the transposed matrix, as linear layers do. */
  readonly transposed: boolean;
  /** By what the activations of its layer are divided, one factor for each of their columns. */
  readonly smoothing: Float32Array;
  /** Whether gradients are multiplied by a copy of their own. */
  readonly backward: boolean;
  /** Whether the original is needed beside the copies. */
  readonly original: boolean;
}

/** The matrices that are rounded, by name; all others stay as they are stored. */
export type Int8Weights = ReadonlyMap<string, Int8Weight>;

export interface Int8BaseOptions {
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

export interface Int8Base {
  /** Of the base model and of how its matrices are rounded. */
  readonly digest: string;
  /** The weights as step functions ask for them. */
  readonly specs: Readonly<Record<string, WeightSpec>>;
}

/** Changes when the same matrices come to other bytes. */
const format = 1;
const files = { weights: 'weights.safetensors', manifest: 'manifest.json' };
const manifestSchema = z.object({ format: z.literal(format), bytes: z.int(), sha256: z.string() });

/**
 * The weights of a model, rounded as told: from the cache, or made and kept there.
 *
 * Throws LowrankError `weight_not_finite` and `disk_full`, and whatever `pause` throws; nothing is left of it then.
 */
export async function openInt8Base(
  base: ModelFolder,
  weights: Int8Weights,
  options: Int8BaseOptions,
): Promise<Int8Base> {
  const digest = digestOf(options.identity, weights);
  const folder = join(options.folder, digest);
  if (!(await isSound(folder, options.onDamage))) await make(folder, base, weights, options);
  // Pruning goes by when something was last used.
  await utimes(folder, new Date(), new Date()).catch(() => undefined);
  return { digest, specs: await specsOf(await realpath(join(folder, files.weights)), base, weights) };
}

function digestOf(identity: string, weights: Int8Weights): string {
  const hash = createHash('sha256').update(`${format} ${identity}\n`);
  for (const [name, { smoothing, ...rest }] of [...weights].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { transposed, backward, original } = rest;
    hash.update(`${name} ${transposed} ${backward} ${original}\n`).update(bytesOf(smoothing));
  }
  return hash.digest('hex');
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function isSound(folder: string, onDamage: (message: string) => void): Promise<boolean> {
  const text = await readFile(join(folder, files.manifest), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  try {
    const { bytes, sha256 } = manifestSchema.parse(JSON.parse(text));
    const found = await hashFile(join(folder, files.weights));
    if (found.bytes === bytes && found.sha256 === sha256) return true;
  } catch {
    // As if it had other content.
  }
  onDamage(`the cached int8 weights in ${folder} are not what was written: they are made again`);
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

/** The copies of a matrix: of its layer's product, and of the gradient's. */
function copiesOf({ shape }: StoredParameter, weight: Int8Weight) {
  const side = (transposed: boolean): MatrixSide => ({ shape: shape as [number, number], transposed });
  return [
    { side: side(weight.transposed), smoothing: weight.smoothing },
    ...(weight.backward ? [{ side: side(!weight.transposed), smoothing: undefined }] : []),
  ];
}

/** A name for equal smoothing factors, so that they are stored once and products of one input share its codes. */
function smoothingName({ smoothing }: Int8Weight): string {
  return `smoothing.${createHash('sha256').update(bytesOf(smoothing)).digest('hex').slice(0, 16)}`;
}

/** Every tensor of the file, made when its turn comes. */
function tensorsOf(base: ModelFolder, weights: Int8Weights): Map<string, TensorSource> {
  const tensors = new Map<string, TensorSource>();
  for (const parameter of base.parameters.values()) {
    const { name } = parameter;
    const weight = weights.get(name);
    if (!weight || weight.original) tensors.set(name, copyTensor(parameter));
    if (!weight) continue;
    // What activations are multiplied by.
    const factors = weight.smoothing.map((factor) => 1 / factor);
    tensors.set(smoothingName(weight), floatSource({ data: factors, shape: [factors.length] }));
    for (const { side, smoothing } of copiesOf(parameter, weight)) {
      const names = int8Ranges(side.transposed);
      const shape = side.transposed ? side.shape.toReversed() : side.shape;
      const scales = async () => outerScales(await readFinite(parameter), side, smoothing);
      let made: Promise<Float32Array> | undefined;
      tensors.set(`${name}.${names.scales}`, {
        dtype: 'F32',
        shape: [shape[1]],
        async *chunks() {
          yield bytesOf(await (made ??= scales()));
        },
      });
      tensors.set(`${name}.${names.codes}`, {
        dtype: 'I8',
        shape,
        async *chunks() {
          const numbers = await readFinite(parameter);
          yield bytesOf(codesOf(numbers, side, await (made ??= scales()), smoothing));
        },
      });
    }
  }
  return tensors;
}

async function readFinite(parameter: StoredParameter): Promise<Float32Array> {
  const numbers = await readParameter(parameter);
  const at = numbers.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return numbers;
  throw new LowrankError(
    'weight_not_finite',
    `${parameter.name} holds ${numbers[at]} at ${at}: the base model is damaged, download it again`,
    { details: { tensor: parameter.name, index: at } },
  );
}

async function make(
  folder: string,
  base: ModelFolder,
  weights: Int8Weights,
  { onProgress, pause }: Int8BaseOptions,
): Promise<void> {
  const tensors = tensorsOf(base, weights);
  const total = tensors.size;
  let done = 0;
  const watched = [...tensors].map(([name, tensor]) => {
    async function* chunks() {
      await pause();
      onProgress(done++, total);
      yield* tensor.chunks();
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
  weights: Int8Weights,
): Promise<Record<string, WeightSpec>> {
  const { tensors } = await readSafetensorsHeader(file);
  const rangeOf = (name: string): ByteRange => {
    const { offset, byteLength } = tensors.get(name)!;
    return { file, offset, byteLength };
  };
  const specs = [...base.parameters.values()].map((parameter): [string, WeightSpec] => {
    const { name, shape } = parameter;
    const storage = 'storage' in parameter ? parameter.storage : 'float32';
    const weight = weights.get(name);
    if (!weight) return [name, { shape, source: { ...rangeOf(name), storage } }];
    const ranges = copiesOf(parameter, weight).flatMap(({ side, smoothing }): [string, ByteRange][] => {
      const names = int8Ranges(side.transposed);
      return [
        [names.codes, rangeOf(`${name}.${names.codes}`)],
        [names.scales, rangeOf(`${name}.${names.scales}`)],
        ...(smoothing ? [[names.smoothing, rangeOf(smoothingName(weight))] as [string, ByteRange]] : []),
      ];
    });
    const original = weight.original ? { original: { ...rangeOf(name), storage } } : {};
    return [name, { shape, source: { scheme: 'int8', ranges: Object.fromEntries(ranges), ...original } }];
  });
  return Object.fromEntries(specs);
}
