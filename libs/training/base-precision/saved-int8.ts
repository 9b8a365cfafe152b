/** How a run rounds the matrices of its base model, as its checkpoints keep it. */
import { join } from 'node:path';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import type { Int8Weight, Int8Weights } from '#models/int8-base.js';
import { fileChunks, floatSource } from '#models/safetensors-write.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';

/** Its name in the folder of a checkpoint. */
export const int8File = 'int8.safetensors';

const flags = z.object({ transposed: z.boolean(), backward: z.boolean(), original: z.boolean() });

/** The file in pieces: the smoothing factors of every matrix by its name, the rest as metadata. */
export function int8Chunks(weights: Int8Weights): AsyncIterable<Uint8Array> {
  const tensors = [...weights].map(
    ([name, { smoothing }]) => [name, floatSource({ data: smoothing, shape: [smoothing.length] })] as const,
  );
  const metadata = [...weights].map(
    ([name, { transposed, backward, original }]) =>
      [name, JSON.stringify({ transposed, backward, original })] as const,
  );
  return fileChunks(new Map(tensors), Object.fromEntries(metadata));
}

/** Throws LowrankError `checkpoint_corrupt` and SafetensorsError. */
export async function readInt8Weights(folder: string): Promise<Int8Weights> {
  const file = await readSafetensorsHeader(join(folder, int8File));
  const weights = new Map<string, Int8Weight>();
  for (const [name, entry] of file.tensors) {
    const parsed = flags.safeParse(JSON.parse(file.metadata[name] ?? 'null'));
    if (!parsed.success) {
      throw new LowrankError(
        'checkpoint_corrupt',
        `checkpoint ${folder} is damaged: ${int8File} does not tell how ${name} is rounded`,
        {
          details: { folder },
        },
      );
    }
    weights.set(name, { ...parsed.data, smoothing: await readTensorF32(file, entry) });
  }
  return weights;
}
