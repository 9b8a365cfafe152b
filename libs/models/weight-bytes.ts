/** What the weights of a model take in memory, told from its layers. */
import { sizeOf } from '#base/shapes.js';
import { chooseBits } from '#models/block-base.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import { RowMap } from '#nn/module.js';
import { blockBytes } from '#runtime/weight-schemes/block-codes.js';
import { int8Bytes } from '#runtime/weight-schemes/int8.js';

/** Bytes by the precision of the model. */
export type WeightBytes = Readonly<Record<'as-stored' | 'int8' | 'int4', number>>;

type Weights = Pick<ModelFolder, 'tree' | 'parameters'>;

/** Blocks of codes in files are decoded to float32. */
function bytesInMemory(parameter: StoredParameter): number {
  return 'storage' in parameter ? parameter.byteLength : 4 * sizeOf(parameter.shape);
}

/** Bytes of the weights as they are stored, and with matrices in int8 and in int4. */
export function weightBytes(model: Weights): WeightBytes {
  let stored = 0;
  for (const parameter of model.parameters.values()) stored += bytesInMemory(parameter);
  return { 'as-stored': stored, int8: stored + addedByInt8(model), int4: stored + addedByInt4(model) };
}

function addedByInt8({ tree, parameters }: Weights): number {
  let added = 0;
  const heads = new Set(tree.headLayers);
  for (const module of tree.modules()) {
    if (!(module instanceof RowMap)) continue;
    const shape = module.weight.shape as [number, number];
    // Of the head the original is read as well, by its gradient.
    if (heads.has(module)) {
      added += int8Bytes(shape, 1);
      continue;
    }
    const parameter = parameters.get(module.weight.name);
    added += int8Bytes(shape, 2) - (parameter ? bytesInMemory(parameter) : 0);
  }
  return added;
}

function addedByInt4(model: Weights): number {
  let added = 0;
  for (const [name, bits] of chooseBits(model, 4).bits) {
    const parameter = model.parameters.get(name)!;
    added += blockBytes(parameter.shape, bits) - bytesInMemory(parameter);
  }
  return added;
}
