/** The update of an injected layer as a weight: folded into the base's, and taken out again; plain numbers, no tensors. */
import { LowrankError } from '#base/errors.js';
import type { Pair } from '#jit/ops/conv-geometry.js';

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

/** The part of a row of the update that comes from one group of the input: in / groups * kh * kw numbers. */
function rowOfGroup(factors: InjectedFactors, geometry: DeltaGeometry, o: number, group: number) {
  const { down, up, selector, scale } = factors;
  const { outSize, inSize, r, kernel, groups, upGroups } = geometry;
  const size = (inSize / groups) * kernel[0] * kernel[1];
  const row = new Float64Array(size);
  const upRank = r / upGroups;
  // Of the channels between the factors, up reads those of its group, and down makes those of this group of the input.
  const read = Math.floor((o * upGroups) / outSize) * upRank;
  const first = Math.max(read, (group * r) / groups);
  const end = Math.min(read + upRank, ((group + 1) * r) / groups);
  for (let c = first; c < end; c++) {
    const factor = scale * up[o * upRank + c - read]! * (selector?.[c] ?? 1);
    for (let i = 0; i < size; i++) row[i] = row[i]! + factor * down[c * size + i]!;
  }
  return row;
}

/** The update of a layer in the form that any update has, [out, in, kh, kw] as for groups = 1. */
export function deltaWeight(factors: InjectedFactors, geometry: DeltaGeometry): Float32Array {
  const { outSize, inSize, kernel, groups } = geometry;
  const rowSize = inSize * kernel[0] * kernel[1];
  const delta = new Float32Array(outSize * rowSize);
  for (let o = 0; o < outSize; o++) {
    for (let group = 0; group < groups; group++) {
      delta.set(rowOfGroup(factors, geometry, o, group), o * rowSize + (group * rowSize) / groups);
    }
  }
  return delta;
}

/** The update as a weight of the base's own shape [out, in / groups, kh, kw]. Throws `delta_mixes_groups`. */
function groupedDelta(factors: InjectedFactors, geometry: DeltaGeometry): Float32Array {
  const { outSize, inSize, kernel, groups } = geometry;
  const rowSize = (inSize / groups) * kernel[0] * kernel[1];
  const delta = new Float32Array(outSize * rowSize);
  for (let o = 0; o < outSize; o++) {
    const own = Math.floor((o * groups) / outSize);
    for (let group = 0; group < groups; group++) {
      const row = rowOfGroup(factors, geometry, o, group);
      if (group === own) delta.set(row, o * rowSize);
      else if (row.some((value) => Math.fround(value) !== 0)) throw mixesGroups(geometry, o, own, group);
    }
  }
  return delta;
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
function ungrouped(W: Float32Array, { outSize, inSize, kernel, groups }: DeltaGeometry): Float32Array {
  const rowSize = (inSize / groups) * kernel[0] * kernel[1];
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
  const base = ungroup ? ungrouped(W, geometry) : W;
  const delta = ungroup ? deltaWeight(factors, geometry) : groupedDelta(factors, geometry);
  return base.map((value, i) => value + delta[i]!);
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
  const delta = groupedDelta(factors, geometry);
  return merged.map((value, i) => value - delta[i]!);
}
