/** The weights of a base model with adapters folded into them, before they are written in any format. */
import { AdapterError } from '#adapters/adapter.js';
import { requireBaseLayers } from '#adapters/base-fit.js';
import { stackMembers } from '#adapters/composition-members.js';
import type { CompositionMember, Stack } from '#adapters/composition-members.js';
import { type LayerUpdate, type LazyEdit, mergedLayer } from '#adapters/merged-layer.js';
import { openModelFolder } from '#models/model-folder.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import { withClasses } from '#models/with-classes.js';

/** A weight of the base, and what adapters make of it. */
export interface MergedWeight {
  readonly parameter: StoredParameter;
  /** Undefined where no adapter changes it. */
  readonly edit: LazyEdit | undefined;
}

/** A weight that no file of the base has. */
export interface AddedWeight {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export interface MergedWeights {
  /** As its configuration has to say it: a shared weight of which only one place was changed is shared no more. */
  readonly base: ModelFolder;
  /** By the names of the parameters. */
  readonly weights: ReadonlyMap<string, MergedWeight>;
  readonly added: ReadonlyMap<string, AddedWeight>;
}

/**
 * W = W0 + sum_i weight_i (W_i - W0) for every weight of the base, where W_i is what member i computes with; nothing is read yet.
 *
 * Throws AdapterError `adapter_mismatch` if a member does not fit the model, and what `stackMembers` and `openModelFolder` throw.
 */
export async function mergedWeights(
  baseFolder: string,
  members: readonly CompositionMember[],
  signal?: AbortSignal,
): Promise<MergedWeights> {
  const stack = await stackMembers(members, signal);
  const classes = members.flatMap(({ adapter }) => (adapter.classes ? [adapter.classes] : []))[0];
  const opened = await openModelFolder(baseFolder);
  const base = classes ? withClasses(opened, classes) : opened;
  for (const { adapter } of members) requireBaseLayers(base.tree, adapter, baseFolder);
  const edits = new Map(stack.modules.flatMap((module) => [...mergedLayer(base, updatesOf(stack, module))]));
  const weights = new Map<string, MergedWeight>();
  for (const [name, parameter] of base.parameters) weights.set(name, { parameter, edit: edits.get(name) });
  const added = await addedWeights(base, stack);
  const { tiedWeight } = base.tree;
  if (tiedWeight === undefined) return { base, weights, added };
  const { parameter, otherName } = tiedWeight;
  if (!edits.has(parameter.name) && !edits.has(otherName)) return { base, weights, added };
  weights.set(otherName, { parameter: base.parameters.get(parameter.name)!, edit: edits.get(otherName) });
  return { base: { ...base, config: { ...base.config, tieWordEmbeddings: false } }, weights, added };
}

/** The weights that the base has none of, such as those of a head for other classes: they are an adapter's alone. */
async function addedWeights(
  { untrained }: ModelFolder,
  { members }: Stack,
): Promise<Map<string, AddedWeight>> {
  const added = new Map<string, AddedWeight>();
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
