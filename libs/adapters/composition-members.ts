/** What a composition is made of, checked: adapters of one base model, each with a weight. */
import { adapterDigest } from '#adapters/adapter-digest.js';
import type { AdapterDigest } from '#adapters/adapter-digest.js';
import type { AdapterSource } from '#adapters/adapter.js';
import { LowrankError } from '#base/errors.js';
import type { LayerGeometry } from '#lora/target-module.js';
import { layerOf, matrixSize } from '#lora/target-module.js';
import { notAdditive } from '#lora/variants/registry.js';

/** One adapter of a composition. */
export interface CompositionMember {
  readonly adapter: AdapterSource;
  /** Of either sign. */
  readonly weight: number;
  /** Digest of the base model it was trained on, if the caller knows it; otherwise the name in its configuration counts. */
  readonly base?: string;
}

/** The base model of a composition, as far as the members say. */
export interface CompositionBase {
  readonly name: string | null;
  readonly revision: string | null;
  readonly digest: string | null;
  /** As the cards of the members name it, all of them if they differ. */
  readonly licence: string | null;
}

/** An adapter of a composition with the sum of the weights it was given. */
export interface StackMember {
  readonly adapter: AdapterSource;
  readonly digest: AdapterDigest;
  readonly weight: number;
}

/** The place of one member's factors in the stack of a layer: A and B go in columns first to first + r. */
export interface StackPart {
  /** Index into the members. */
  readonly member: number;
  readonly first: number;
  readonly r: number;
  /** lora_alpha / r or lora_alpha / sqrt(r) of the member's own configuration. */
  readonly scale: number;
}

/** One layer that any member adapts, and the members that do. */
export interface StackModule {
  readonly path: string;
  readonly layer: LayerGeometry;
  /** Of its weight as a matrix. */
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Sum of the members' ranks. */
  readonly rank: number;
  readonly parts: readonly StackPart[];
}

/** Members side by side, in an order that depends on what they are and not on how they were listed. */
export interface Stack {
  readonly base: CompositionBase;
  /** By digest; an adapter that was listed twice is here once. */
  readonly members: readonly StackMember[];
  /** For each member as listed, its index in `members`. */
  readonly places: readonly number[];
  /** By path. */
  readonly modules: readonly StackModule[];
}

/** Members or options that make no composition; `code` says why. */
export class CompositionError extends LowrankError {}

/**
 * Puts members side by side.
 *
 * Throws CompositionError `composition_empty`, `weight_not_finite`, `weights_all_zero`, `base_mismatch` and
 * `members_misfit`, and what reading the adapters throws.
 */
export async function stackMembers(
  listed: readonly CompositionMember[],
  signal?: AbortSignal,
): Promise<Stack> {
  if (listed.length === 0) {
    throw new CompositionError('composition_empty', 'a composition needs at least one adapter');
  }
  checkWeights(
    listed.map(({ weight }) => weight),
    listed.map(({ adapter }) => adapter.name),
  );
  if (listed.every(({ weight }) => weight === 0)) {
    throw new CompositionError(
      'weights_all_zero',
      'every weight is 0, which leaves the base model unchanged: give at least one adapter a nonzero weight',
    );
  }
  const base = commonBase(listed);
  checkShapes(listed.map(({ adapter }) => adapter));
  const digests: AdapterDigest[] = [];
  for (const { adapter } of listed) digests.push(await adapterDigest(adapter, signal));
  const sorted = [...new Set(digests)].sort();
  const places = digests.map((digest) => sorted.indexOf(digest));
  const weights = sumWeights(
    places,
    listed.map(({ weight }) => weight),
  );
  const members = sorted.map((digest, i) => ({
    digest,
    adapter: listed[digests.indexOf(digest)]!.adapter,
    weight: weights[i]!,
  }));
  return { base, members, places, modules: stackModules(members.map(({ adapter }) => adapter)) };
}

/** Whether every update of an adapter is a product that can be weighed and added to others. */
export function isAdditive({ modules }: AdapterSource): boolean {
  return [...modules.values()].every((target) => notAdditive(target) === undefined);
}

/** Throws CompositionError `members_not_additive` unless every update is a product that can be added to others. */
export function requireAdditive({ members }: Stack): void {
  for (const { adapter } of members) {
    for (const target of adapter.modules.values()) {
      const reason = notAdditive(target);
      if (reason === undefined) continue;
      throw new CompositionError(
        'members_not_additive',
        `${adapter.name} cannot be added to other adapters at ${target.path}: ${reason}. Merge it into its base ` +
          'model, or answer with it alone',
        { details: { member: adapter.name, module: target.path } },
      );
    }
  }
}

/** Squares of sums of what is so much larger than any float32 still are numbers of float64. */
const largestWeight = 1e60;

/** Throws CompositionError `weights_miscounted` and, naming the adapter, `weight_not_finite`. */
export function checkWeights(weights: readonly number[], names: readonly string[]): void {
  if (weights.length !== names.length) {
    throw new CompositionError(
      'weights_miscounted',
      `${weights.length} weights for ${names.length} adapters: give one for each, in the order of the adapters`,
      { details: { weights: weights.length, members: names } },
    );
  }
  for (const [i, weight] of weights.entries()) {
    if (Math.abs(weight) <= largestWeight) continue;
    throw new CompositionError(
      'weight_not_finite',
      `the weight of ${names[i]} is ${weight}: give a number such as 0.7`,
      { details: { member: names[i], index: i } },
    );
  }
}

/**
 * The sum of the weights at each place, one adapter's weights added before anything is multiplied by them: what cancels
 * is exactly 0. The order in which the members are listed makes no difference.
 */
export function sumWeights(places: readonly number[], weights: readonly number[]): number[] {
  const sums = Array.from({ length: Math.max(...places) + 1 }, () => 0);
  const order = weights.map((_, i) => i).sort((a, b) => weights[a]! - weights[b]!);
  for (const i of order) sums[places[i]!]! += weights[i]!;
  return sums;
}

/** Throws CompositionError `base_mismatch`, naming two members and their bases. */
function commonBase(members: readonly CompositionMember[]): CompositionBase {
  const known = members.map(({ adapter, base }) => ({
    member: adapter.name,
    digest: base ?? null,
    // PEFT writes an empty text where a model has no name.
    name: adapter.config.base_model_name_or_path || null,
    revision: adapter.config.revision,
  }));
  // Digests alone decide where every member has one: a model can lie under two names.
  const fields = known.every(({ digest }) => digest !== null)
    ? (['digest'] as const)
    : (['digest', 'name', 'revision'] as const);
  for (const field of fields) {
    const having = known.filter((one) => one[field] !== null);
    const other = having.find((one) => one[field] !== having[0]![field]);
    if (other === undefined) continue;
    const said = [having[0]!, other].map(({ member, name, [field]: value }) => ({
      member,
      base: field === 'name' ? value : [name, value].filter(Boolean).join(' '),
    }));
    throw new CompositionError(
      'base_mismatch',
      `${said.map(({ member, base }) => `${member} was trained on ${base}`).join(' and ')}: ` +
        'adapters add up only on the base model that they were trained on',
      { details: { members: said } },
    );
  }
  // The first by name, whatever the order in which the members were listed.
  const first = (field: 'digest' | 'name' | 'revision') =>
    known.flatMap((one) => one[field] ?? []).sort()[0] ?? null;
  const licences = [...new Set(members.flatMap(({ adapter }) => adapter.licence ?? []))].sort();
  return {
    name: first('name'),
    revision: first('revision'),
    digest: first('digest'),
    licence: licences.length === 0 ? null : licences.join(', '),
  };
}

function checkShapes(adapters: readonly AdapterSource[]): void {
  const first = new Map<string, { name: string; shape: string }>();
  for (const { name, modules } of adapters) {
    for (const { path, inFeatures, outFeatures } of modules.values()) {
      const shape = `[${outFeatures}, ${inFeatures}]`;
      const other = first.get(path) ?? { name, shape };
      first.set(path, other);
      if (other.shape === shape) continue;
      throw new CompositionError(
        'members_misfit',
        `${path} is ${other.shape} in ${other.name} and ${shape} in ${name}: they belong to different base models`,
        { details: { module: path, members: [other, { name, shape }] } },
      );
    }
  }
}

function stackModules(adapters: readonly AdapterSource[]): StackModule[] {
  const paths = [...new Set(adapters.flatMap(({ modules }) => [...modules.keys()]))].sort();
  return paths.map((path) => {
    const parts: StackPart[] = [];
    let rank = 0;
    let layer: LayerGeometry | undefined;
    let sizes = { inFeatures: 0, outFeatures: 0 };
    for (const [member, { modules }] of adapters.entries()) {
      const module = modules.get(path);
      if (module === undefined) continue;
      parts.push({ member, first: rank, r: module.r, scale: module.scale });
      rank += module.r;
      layer = layerOf(module);
      sizes = matrixSize(module);
    }
    return { path, layer: layer!, ...sizes, rank, parts };
  });
}
