import { sizeOf } from '#base/shapes.js';
import type { StoredParameter } from '#models/model-folder.js';
import { readTensorF32 } from '#models/safetensors.js';

const stored = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' } as const;
const elementBytes = { float32: 4, bfloat16: 2, float16: 2 } as const;

/** Rows of a stored parameter, each as long as its other axes together, upcast to float32. */
export function readRows(
  { shape, storage, file, offset }: StoredParameter,
  first: number,
  count: number,
): Promise<Float32Array> {
  const rowBytes = sizeOf(shape.slice(1)) * elementBytes[storage];
  return readTensorF32(
    { path: file },
    {
      dtype: stored[storage],
      shape: [count],
      offset: offset + first * rowBytes,
      byteLength: count * rowBytes,
    },
  );
}
