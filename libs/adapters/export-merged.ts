/** A base model with adapters folded into its weights, as a folder of its own. */
import { AdapterError } from '#adapters/adapter.js';
import { stackMembers } from '#adapters/composition-members.js';
import type { CompositionMember, Stack } from '#adapters/composition-members.js';
import { addDeltaRows, transposedTerm } from '#adapters/merge-delta.js';
import type { DeltaTerm } from '#adapters/merge-delta.js';
import { factorsOf } from '#lora/variants/registry.js';
import { convertTensor } from '#models/convert-tensor.js';
import { openModelFolder } from '#models/model-folder.js';
import type { StoredParameter } from '#models/model-folder.js';
import type { TensorSource } from '#models/safetensors-write.js';
import type { Model } from '#models/model.js';
import { RowMap } from '#nn/module.js';
import { EXPORT_DTYPES, writeModelFolder } from '#models/write-model-folder.js';
import type { ModelWriteOptions, WrittenModel } from '#models/write-model-folder.js';

/**
 * Writes the base model with W = W0 + sum_i weight_i scale_i B_i A_i in every adapted layer; a single adapter is a
 * member of weight 1.
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
  const base = await openModelFolder(baseFolder);
  const stack = await stackMembers(members, options.signal);
  checkFit(base.tree, members, baseFolder);
  const adapted = new Map(stack.modules.map((module) => [`${module.path}.weight`, module]));
  const transposed = new Set(rowMapsOf(base.tree).flatMap((map) => (map.isTransposed ? [map.path] : [])));
  const tensors = new Map<string, TensorSource>();
  for (const [name, parameter] of base.parameters) {
    const module = adapted.get(name);
    const dtype = EXPORT_DTYPES[options.dtype];
    tensors.set(
      parameter.storedAs,
      module === undefined
        ? convertTensor(parameter, dtype)
        : mergedTensor(parameter, options, () => readTerms(stack, module, transposed.has(module.path))),
    );
  }
  for (const [name, tensor] of base.otherParts) {
    tensors.set(name, convertTensor(tensor, EXPORT_DTYPES[options.dtype]));
  }
  return writeModelFolder(outFolder, base, tensors, options);
}

function mergedTensor(
  parameter: StoredParameter,
  { dtype }: ModelWriteOptions,
  readTerms: () => Promise<DeltaTerm[]>,
): TensorSource {
  const columns = parameter.shape[1]!;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const terms = await readTerms();
    const edit = (rows: Float32Array, firstRow: number) => addDeltaRows(rows, firstRow, terms, columns);
    yield* convertTensor(parameter, EXPORT_DTYPES[dtype], terms.length > 0 ? edit : undefined).chunks();
  }
  return { ...convertTensor(parameter, EXPORT_DTYPES[dtype]), chunks };
}

/** The updates of one layer, as its weight is stored; a member whose weights cancel is left out, so that the base's bits stay as they are. */
async function readTerms(
  { members }: Stack,
  { path, parts }: Stack['modules'][number],
  isTransposed: boolean,
): Promise<DeltaTerm[]> {
  const terms: DeltaTerm[] = [];
  for (const { member, r, scale } of parts) {
    const { adapter, weight } = members[member]!;
    if (weight === 0) continue;
    const factors = factorsOf(adapter.modules.get(path)!, await adapter.readNumbers(path));
    const term = { ...factors, r, scale: weight * scale };
    terms.push(isTransposed ? transposedTerm(term) : term);
  }
  return terms;
}

/** The layers that an adapter may change. */
const rowMapsOf = (model: Model) => [...model.modules()].filter((module) => module instanceof RowMap);

function checkFit(model: Model, members: readonly CompositionMember[], folder: string): void {
  const sizes = new Map(
    rowMapsOf(model).map(({ path, outFeatures, inFeatures }) => [path, `${outFeatures},${inFeatures}`]),
  );
  for (const { adapter } of members) {
    const unexpected = [...adapter.modules.values()]
      .filter(({ path, inFeatures, outFeatures }) => sizes.get(path) !== `${outFeatures},${inFeatures}`)
      .map(({ path, inFeatures, outFeatures }) => `${path} [${outFeatures}, ${inFeatures}]`);
    if (unexpected.length === 0) continue;
    throw new AdapterError(
      'adapter_mismatch',
      adapter.name,
      `has layers that ${folder} does not have: ${unexpected.slice(0, 5).join(', ')}; merge it into the model that it was trained on`,
      { details: { base: folder, extra: unexpected } },
    );
  }
}
