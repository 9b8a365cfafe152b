import type { WeightSource } from '#jit/graph.js';
import type { ProgramSpec } from '#jit/trace.js';
import type { StoredParameter } from '#models/model-folder.js';
import { readTensorF32 } from '#models/safetensors.js';

/** The frozen weights of a model as step functions ask for them. */
export function frozenWeights(parameters: ReadonlyMap<string, StoredParameter>): ProgramSpec['weights'] {
  return Object.fromEntries(
    [...parameters.values()].map(({ name, shape, file, offset, byteLength, storage }) => [
      name,
      { shape, source: { file, offset, byteLength, storage } },
    ]),
  );
}

const dtypes = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' } as const;

/** The numbers of a frozen weight, upcast to float32. Throws SafetensorsError if the file has become shorter. */
export function readFrozenWeight({ file, offset, byteLength, storage }: WeightSource): Promise<Float32Array> {
  return readTensorF32({ path: file }, { dtype: dtypes[storage], shape: [], offset, byteLength });
}
