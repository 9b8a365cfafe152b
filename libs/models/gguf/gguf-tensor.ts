/** A stored parameter as a tensor of a GGUF file, made block by block. */
import { sizeOf } from '#base/shapes.js';
import { GGUF_TENSOR_TYPES, type GgufTensorType } from '#gguf/format.js';
import type { GgufTensorSource } from '#gguf/write.js';
import type { RowEdit } from '#models/convert-tensor.js';
import { readRows } from '#models/frozen-weights.js';
import { encodeFloats } from '#models/gguf/encode.js';
import { type GgufModel, reorderHeads } from '#models/gguf/gguf-model.js';
import type { StoredParameter } from '#models/model-folder.js';

/** A megabyte of float32. */
const blockNumbers = 1 << 18;

/**
 * The type of a weight in a model of numbers of `type`: vectors are float32, and float16 stands in where rows are no whole
 * blocks.
 */
export function ggufTypeOf(shape: readonly number[], type: GgufTensorType): GgufTensorType {
  if (shape.length < 2) return 'F32';
  return shape.at(-1)! % GGUF_TENSOR_TYPES[type].blockSize === 0 ? type : 'F16';
}

/** `edit` is asked for when the tensor's turn comes; the name is that of the parameter in its tree. */
export function ggufTensor(
  name: string,
  parameter: StoredParameter,
  model: GgufModel,
  type: GgufTensorType,
  edit?: () => Promise<RowEdit | undefined>,
): GgufTensorSource {
  const { shape } = parameter;
  const columns = sizeOf(shape.slice(1));
  const rows = shape[0] ?? 1;
  const heads = model.headsOf(name);
  const added = model.addedTo(name);
  const step = heads ?? 1;
  const blockRows = step * Math.max(1, Math.floor(blockNumbers / (columns * step)));
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const change = await edit?.();
    for (let first = 0; first < rows; first += blockRows) {
      let block = await readRows(parameter, first, Math.min(blockRows, rows - first));
      change?.(block, first);
      if (added !== 0) block = block.map((value) => value + added);
      if (heads !== undefined) block = reorderHeads(block, columns, heads);
      yield encodeFloats(block, type, name);
    }
  }
  return { type, shape, chunks };
}
