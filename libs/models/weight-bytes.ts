/** What the weights of a model take in memory, told from its layers. */
import { sizeOf } from '#base/shapes.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import { RowMap } from '#nn/module.js';
import { int8Bytes } from '#runtime/weight-schemes/int8.js';

/** Blocks of codes are decoded to float32. */
function bytesInMemory(parameter: StoredParameter): number {
  return 'storage' in parameter ? parameter.byteLength : 4 * sizeOf(parameter.shape);
}

/** Bytes of the weights as they are stored, and with linear layers in int8. */
export function weightBytes({ tree, parameters }: Pick<ModelFolder, 'tree' | 'parameters'>): {
  asStored: number;
  int8: number;
} {
  let asStored = 0;
  for (const parameter of parameters.values()) asStored += bytesInMemory(parameter);
  let int8 = asStored;
  const bytesOf = (name: string) => {
    const parameter = parameters.get(name);
    return parameter ? bytesInMemory(parameter) : 0;
  };
  const heads = new Set(tree.headLayers);
  for (const module of tree.modules()) {
    if (!(module instanceof RowMap)) continue;
    const shape = module.weight.shape as [number, number];
    // Of the head the original is read as well, by its gradient.
    if (heads.has(module)) int8 += int8Bytes(shape, 1);
    else int8 += int8Bytes(shape, 2) - bytesOf(module.weight.name);
  }
  return { asStored, int8 };
}
