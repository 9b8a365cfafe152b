/** A base model with adapters folded into its weights, as a folder of its own. */
import { AdapterError } from '#adapters/adapter.js';
import { requireBaseLayers } from '#adapters/base-fit.js';
import { stackMembers } from '#adapters/composition-members.js';
import type { CompositionMember, Stack } from '#adapters/composition-members.js';
import { type LayerUpdate, type LazyEdit, mergedLayer } from '#adapters/merged-layer.js';
import { convertTensor } from '#models/convert-tensor.js';
import { openModelFolder } from '#models/model-folder.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import { withClasses } from '#models/with-classes.js';
import { floatSource, type TensorSource } from '#models/safetensors-write.js';
import type { FloatDtype } from '#models/safetensors-dtype.js';
import { EXPORT_DTYPES, writeModelFolder } from '#models/write-model-folder.js';
import type { ModelWriteOptions, WrittenModel } from '#models/write-model-folder.js';

/**
 * Writes the base model with W = W0 + sum_i weight_i (W_i - W0) in every adapted layer, where W_i is the weight that
 * member i computes with, W0 + scale_i B_i A_i for plain LoRA; a single adapter is a member of weight 1.
 *
 * W is computed in float32 from blocks of rows and rounded once to the format that is written: memory is a block and one
 * layer's factors. The folder appears whole or not at all. Throws AdapterError `adapter_mismatch` if a member does not
 * fit the model, and what `stackMembers`, `openModelFolder` and `writeModelFolder` throw.
 */
export async function exportMerged(
  baseFolder: string,
  members: readonly CompositionMember[],
  outFolder: string,
  options: ModelWriteOptions,
): Promise<WrittenModel> {
  const stack = await stackMembers(members, options.signal);
  const classes = members.flatMap(({ adapter }) => (adapter.classes ? [adapter.classes] : []))[0];
  const opened = await openModelFolder(baseFolder);
  const base = classes ? withClasses(opened, classes) : opened;
  for (const { adapter } of members) requireBaseLayers(base.tree, adapter, baseFolder);
  const edits = new Map(stack.modules.flatMap((module) => [...mergedLayer(base, updatesOf(stack, module))]));
  const dtype = EXPORT_DTYPES[options.dtype];
  const tensors = new Map<string, TensorSource>();
  for (const [name, parameter] of base.parameters) {
    const edit = edits.get(name);
    tensors.set(
      base.config.bodyOf === undefined ? parameter.storedAs : name,
      edit === undefined ? convertTensor(parameter, dtype) : mergedTensor(parameter, dtype, edit),
    );
  }
  for (const [name, copy] of await addedWeights(base, stack))
    tensors.set(name, floatSource({ ...copy, dtype }));
  // A shared weight of which only one place was changed is two weights now.
  const { tiedWeight } = base.tree;
  const isUntied =
    tiedWeight !== undefined && (edits.has(tiedWeight.parameter.name) || edits.has(tiedWeight.otherName));
  if (isUntied) {
    const shared = base.parameters.get(tiedWeight.parameter.name)!;
    const edit = edits.get(tiedWeight.otherName);
    tensors.set(
      tiedWeight.otherName,
      edit === undefined ? convertTensor(shared, dtype) : mergedTensor(shared, dtype, edit),
    );
  }
  for (const [name, tensor] of base.otherParts) {
    tensors.set(name, convertTensor(tensor, dtype));
  }
  const written = isUntied ? untied(base) : base;
  return writeModelFolder(outFolder, written, tensors, options);
}

/** The weights that the base has none of, such as those of a head for other classes: they are an adapter's alone. */
async function addedWeights({ untrained }: ModelFolder, { members }: Stack) {
  const added = new Map<string, { readonly data: Float32Array; readonly shape: readonly number[] }>();
  if (untrained.length === 0) return added;
  const [only] = members;
  const { name, modules, readNumbers } = only!.adapter;
  if (members.length > 1 || only!.weight !== 1) {
    throw new AdapterError(
      'adapter_not_mergeable',
      name,
      'brings a head of its own, which cannot be added to another: merge it alone, with weight 1',
    );
  }
  for (const [path, { tensors }] of modules) {
    for (const { role, shape, replaces } of tensors) {
      if (replaces === undefined || !untrained.includes(replaces)) continue;
      added.set(replaces, { data: (await readNumbers(path))[role]!, shape });
    }
  }
  const missing = untrained.filter((weight) => !added.has(weight));
  if (missing.length === 0) return added;
  throw new AdapterError(
    'adapter_incomplete',
    name,
    `lacks ${missing.join(', ')}, which its base does not have either`,
  );
}

function untied(base: ModelFolder): ModelFolder {
  return { ...base, config: { ...base.config, tieWordEmbeddings: false } };
}

function mergedTensor(parameter: StoredParameter, dtype: FloatDtype, edit: LazyEdit): TensorSource {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield* convertTensor(parameter, dtype, await edit()).chunks();
  }
  return { ...convertTensor(parameter, dtype), chunks };
}

/** The updates of one layer by the members that have it. */
function updatesOf({ members }: Stack, { path, parts }: Stack['modules'][number]): LayerUpdate[] {
  return parts.map(({ member }) => {
    const { adapter, weight } = members[member]!;
    return {
      adapter: adapter.name,
      target: adapter.modules.get(path)!,
      weight,
      readNumbers: () => adapter.readNumbers(path),
    };
  });
}
