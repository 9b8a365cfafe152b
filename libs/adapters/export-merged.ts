/** A base model with adapters folded into its weights, as a folder of its own. */
import type { CompositionMember } from '#adapters/composition-members.js';
import { mergedWeights, type MergedWeight } from '#adapters/merged-weights.js';
import { convertTensor } from '#models/convert-tensor.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';
import { floatSource, type TensorSource } from '#models/safetensors-write.js';
import { EXPORT_DTYPES, writeModelFolder } from '#models/write-model-folder.js';
import type { ModelWriteOptions, WrittenModel } from '#models/write-model-folder.js';

/**
 * Writes the base model with W = W0 + sum_i weight_i (W_i - W0) in every adapted layer, where W_i is the weight that
 * member i computes with, W0 + scale_i B_i A_i for plain LoRA; a single adapter is a member of weight 1.
 *
 * W is computed in float32 from blocks of rows and rounded once to the format that is written: memory is a block and one
 * layer's factors. The folder appears whole or not at all. Throws what `mergedWeights` and `writeModelFolder` throw.
 */
export async function exportMerged(
  baseFolder: string,
  members: readonly CompositionMember[],
  outFolder: string,
  options: ModelWriteOptions,
): Promise<WrittenModel> {
  const { base, weights, added } = await mergedWeights(baseFolder, members, options.signal);
  const dtype = EXPORT_DTYPES[options.dtype];
  const tensors = new Map<string, TensorSource>();
  for (const [name, weight] of weights) {
    // Where a weight is written in two places, the other one has the name of its own.
    const { storedAs, name: own } = weight.parameter;
    const isStored = base.config.bodyOf === undefined && own === name;
    tensors.set(isStored ? storedAs : name, mergedTensor(weight, dtype));
  }
  for (const [name, copy] of added) tensors.set(name, floatSource({ ...copy, dtype }));
  for (const [name, tensor] of base.otherParts) tensors.set(name, convertTensor(tensor, dtype));
  return writeModelFolder(outFolder, base, tensors, options);
}

function mergedTensor({ parameter, edit }: MergedWeight, dtype: FloatDtype): TensorSource {
  if (edit === undefined) return convertTensor(parameter, dtype);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield* convertTensor(parameter, dtype, await edit!()).chunks();
  }
  return { ...convertTensor(parameter, dtype), chunks };
}
