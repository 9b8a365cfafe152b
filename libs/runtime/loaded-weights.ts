/** Frozen weights that no session can map: each is decoded once in a process, and shared by all sessions that read it. */
import { open } from 'node:fs/promises';
import { LowrankError } from '#base/errors.js';
import type { Shape } from '#base/shapes.js';
import type { ByteRange, WeightSource } from '#jit/graph.js';
import { weightScheme } from '#runtime/weight-schemes/registry.js';

/** A weight that a graph takes as an input, by that input's name. */
export interface LoadedWeight {
  readonly name: string;
  readonly shape: Shape;
  readonly source: WeightSource;
}

interface Shared {
  readonly numbers: Promise<Float32Array>;
  users: number;
}

const shared = new Map<string, Shared>();
const keyOf = ({ shape, source }: LoadedWeight) => JSON.stringify([shape, source]);

/** The numbers of a weight; whoever asks says later that they need them no more. Throws LowrankError `weight_not_finite`. */
export async function takeWeight(weight: LoadedWeight): Promise<Float32Array> {
  const key = keyOf(weight);
  const known = shared.get(key) ?? { numbers: load(weight), users: 0 };
  shared.set(key, known);
  known.users++;
  try {
    return await known.numbers;
  } catch (error) {
    // The file may be mended.
    shared.delete(key);
    throw error;
  }
}

export function leaveWeight(weight: LoadedWeight): void {
  const known = shared.get(keyOf(weight));
  if (known && --known.users === 0) shared.delete(keyOf(weight));
}

async function load({ name, shape, source }: LoadedWeight): Promise<Float32Array> {
  const numbers = await weightScheme(source).read({ shape, source }, readRange);
  const at = numbers.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return numbers;
  throw new LowrankError(
    'weight_not_finite',
    `${name} holds ${numbers[at]} at ${at}: the base model is damaged, download it again`,
    { details: { tensor: name, index: at } },
  );
}

async function readRange({ file, offset, byteLength }: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(byteLength);
  const handle = await open(file, 'r');
  try {
    const { bytesRead } = await handle.read(bytes, 0, byteLength, offset);
    if (bytesRead === byteLength) return bytes;
    throw new LowrankError('base_changed', `${file} became shorter: restore the base model`, {
      details: { file },
    });
  } finally {
    await handle.close();
  }
}
