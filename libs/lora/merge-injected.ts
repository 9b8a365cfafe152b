/** The update of an injected layer as a weight: folded into the base's, and taken out again; plain numbers, no tensors. */
import { LowrankError } from '#base/errors.js';
import type { Pair } from '#jit/ops/conv-geometry.js';
import { addDeltaRows, type DeltaTerm } from '#lora/merge-delta.js';

/** Sizes of an injected layer; a linear one is a convolution with a 1 x 1 kernel. */
export interface DeltaGeometry {
  readonly path: string;
  readonly inSize: number;
  readonly outSize: number;
  readonly r: number;
  readonly kernel: Pair;
  readonly groups: number;
  readonly upGroups: number;
}

/** The numbers of an update as they are at the moment. */
export interface InjectedFactors {
  /** [r, in / groups, kh, kw] */
  readonly down: Float32Array;
  /** [out, r / upGroups] */
  readonly up: Float32Array;
  /** [r]; none is the identity. */
  readonly selector?: Float32Array;
  readonly scale: number;
}

/**
 * What reads one group of the input, as a term for the columns that belong to it: A [r / groups, in / groups * kh * kw],
 * B [out, r / groups].
 */
function groupTerm(factors: InjectedFactors, geometry: DeltaGeometry, group: number): DeltaTerm {
  const { down, up, selector, scale } = factors;
  const { outSize, r: all, groups, upGroups } = geometry;
  const r = all / groups;
  const upRank = all / upGroups;
  const B = Float32Array.from({ length: outSize * r }, (_, i) => {
    const [o, c] = [Math.floor(i / r), group * r + (i % r)];
    // Of the channels between the factors, up reads those of its own group.
    const at = c - Math.floor((o * upGroups) / outSize) * upRank;
    return at >= 0 && at < upRank ? up[o * upRank + at]! * (selector?.[c] ?? 1) : 0;
  });
  const size = down.length / groups;
  return { A: down.subarray(group * size, (group + 1) * size), B, r, scale };
}

/** in / groups * kh * kw: numbers of a row of the grouped weight. */
const groupRow = ({ inSize, kernel, groups }: DeltaGeometry): number =>
  (inSize / groups) * kernel[0] * kernel[1];

/** W [out, in, kh, kw] of a convolution with groups = 1 plus the update, in new memory. */
function mergeUngrouped(W: Float32Array, factors: InjectedFactors, geometry: DeltaGeometry): Float32Array {
  const { outSize, groups } = geometry;
  const size = groupRow(geometry);
  const merged = W.slice();
  for (let group = 0; group < groups; group++) {
    const term = groupTerm(factors, geometry, group);
    for (let o = 0; o < outSize; o++) {
      const at = (o * groups + group) * size;
      addDeltaRows(merged.subarray(at, at + size), o, [term], size);
    }
  }
  return merged;
}

/** W [out, in / groups, kh, kw] plus the update, in new memory. Throws `delta_mixes_groups`. */
function mergeGrouped(W: Float32Array, factors: InjectedFactors, geometry: DeltaGeometry): Float32Array {
  const { outSize, groups } = geometry;
  const size = groupRow(geometry);
  const terms = Array.from({ length: groups }, (_, group) => groupTerm(factors, geometry, group));
  const merged = W.slice();
  for (let o = 0; o < outSize; o++) {
    const own = Math.floor((o * groups) / outSize);
    addDeltaRows(merged.subarray(o * size, (o + 1) * size), o, [terms[own]!], size);
    for (const [group, term] of terms.entries()) {
      if (group === own) continue;
      const change = new Float32Array(size);
      addDeltaRows(change, o, [term], size);
      if (change.some((value) => value !== 0)) throw mixesGroups(geometry, o, own, group);
    }
  }
  return merged;
}

/** The update of a layer in the form that any update has, [out, in, kh, kw] as for groups = 1. */
export function deltaWeight(factors: InjectedFactors, geometry: DeltaGeometry): Float32Array {
  const { outSize, groups } = geometry;
  return mergeUngrouped(new Float32Array(outSize * groups * groupRow(geometry)), factors, geometry);
}

function mixesGroups({ path, groups }: DeltaGeometry, o: number, own: number, other: number): LowrankError {
  return new LowrankError(
    'delta_mixes_groups',
    `the update of the convolution at ${path} cannot be merged into its weight: channel ${o} of the result, which is ` +
      `of group ${own} of ${groups}, also takes from the channels of group ${other}, and a grouped weight has no ` +
      'place for that; merge it with ungroup: true into the weight of a convolution with groups = 1, or train with ' +
      `upGroups: ${groups}`,
    { details: { module: path, channel: o, group: own, takesFrom: other } },
  );
}

function checkFinite({ down, up, selector, scale }: InjectedFactors, { path }: DeltaGeometry): void {
  const arrays = [down, up, selector ?? new Float32Array(), Float32Array.of(scale)];
  if (arrays.every((numbers) => numbers.every(Number.isFinite))) return;
  throw new LowrankError(
    'delta_not_finite',
    `the update of ${path} holds NaN or infinity; merging it would corrupt the weight`,
    { details: { module: path } },
  );
}

/** A grouped weight [out, in / groups, kh, kw] as the same map for groups = 1, [out, in, kh, kw]. */
function ungrouped(W: Float32Array, geometry: DeltaGeometry): Float32Array {
  const { outSize, groups } = geometry;
  const rowSize = groupRow(geometry);
  const full = new Float32Array(W.length * groups);
  for (let o = 0; o < outSize; o++) {
    const own = Math.floor((o * groups) / outSize);
    full.set(W.subarray(o * rowSize, (o + 1) * rowSize), (o * groups + own) * rowSize);
  }
  return full;
}

/**
 * The base's weight with the update folded in, in new memory and in the shape of W [out, in / groups, kh, kw]; with
 * `ungroup`, in the shape [out, in, kh, kw] that a convolution with groups = 1 takes.
 *
 * Throws `delta_mixes_groups` for an update that the shape of W has no place for, `delta_not_finite` for a broken one.
 */
export function mergeWeight(
  W: Float32Array,
  factors: InjectedFactors,
  geometry: DeltaGeometry,
  { ungroup = false }: { readonly ungroup?: boolean } = {},
): Float32Array {
  checkFinite(factors, geometry);
  return ungroup
    ? mergeUngrouped(ungrouped(W, geometry), factors, geometry)
    : mergeGrouped(W, factors, geometry);
}

/**
 * The base's weight out of one that was merged with the same factors, in new memory. It is right to the last rounding
 * of the sum, not to the bit: keep the base where bits count.
 */
export function unmergeWeight(
  merged: Float32Array,
  factors: InjectedFactors,
  geometry: DeltaGeometry,
): Float32Array {
  return mergeGrouped(merged, { ...factors, scale: -factors.scale }, geometry);
}
