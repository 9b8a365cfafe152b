/** A layer that an adapter changes, and the trainable tensors that it has there; plain data. */
import { sizeOf } from '#base/shapes.js';
import type { Pair } from '#jit/ops/conv-geometry.js';
import type { ModuleRank } from '#lora/target-modules-match.js';

/** One trainable tensor of an adapter. */
export interface AdapterTensor {
  /** What it is in its layer, as in `A`. */
  readonly role: string;
  /** Of the parameter in the tree of layers and in the flat state. */
  readonly name: string;
  /** In an adapter's weight file. */
  readonly key: string;
  readonly shape: readonly number[];
  /** The weight of the base that it is a trained copy of; none = it is beside the base. */
  readonly replaces?: string;
}

/** The sizes of a layer that can have a low-rank update. */
export interface LayerGeometry {
  /** A name of the registry of layer kinds. */
  readonly kind: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Of a convolution. */
  readonly kernel?: Pair;
  readonly groups?: number;
}

/** A layer that an adapter changes. */
export interface TargetModule extends LayerGeometry, ModuleRank {
  readonly path: string;
  /** A name of the registry of variants, which knows what the tensors mean. */
  readonly variant: string;
  readonly tensors: readonly AdapterTensor[];
  /** While the layer is trained: the part of its weight that is taken out of it, by the roles of the trained tensors. */
  readonly frozen?: readonly AdapterTensor[];
}

/** The numbers of a layer's tensors by their roles, row by row. */
export type ModuleNumbers = Readonly<Record<string, Float32Array>>;

/** The two factors of an update B A, row by row; as a matrix the update is [outFeatures, inFeatures]. */
export interface LoraFactors {
  /** f32 [r, inFeatures] */
  readonly A: Float32Array;
  /** f32 [outFeatures, r] */
  readonly B: Float32Array;
}

/** What comes before the names of modules in an adapter's weight file. */
export const KEY_PREFIX = 'base_model.model.';

/** Whether something is trained that the layer adds to each of its results alike. */
export function trainsBias({ tensors }: TargetModule): boolean {
  return tensors.some(({ role }) => role.endsWith('bias'));
}

/** Weights of the base that layers train as they are, by their names in the base. */
export function wholeWeightsOf(
  targets: readonly TargetModule[],
): { readonly name: string; readonly shape: readonly number[] }[] {
  return targets.flatMap(({ tensors }) =>
    tensors.flatMap(({ replaces, shape }) => (replaces === undefined ? [] : [{ name: replaces, shape }])),
  );
}

/** How many numbers a target trains beside the base's own weights. */
export function addedParameters({ tensors }: TargetModule): number {
  const added = tensors.filter(({ replaces }) => replaces === undefined);
  return added.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** The sizes of the layer of a target. */
export function layerOf({ kind, inFeatures, outFeatures, kernel, groups }: TargetModule): LayerGeometry {
  return { kind, inFeatures, outFeatures, ...(kernel ? { kernel } : {}), ...(groups ? { groups } : {}) };
}

/** The sizes of a target's weight as a matrix [outFeatures, inFeatures], which is what B A is; 0 where there is no B A. */
export function matrixSize({ r, tensors }: TargetModule): { inFeatures: number; outFeatures: number } {
  if (r === 0) return { inFeatures: 0, outFeatures: 0 };
  const shapeOf = (role: string) => tensors.find((tensor) => tensor.role === role)!.shape;
  return { inFeatures: sizeOf(shapeOf('A')) / r, outFeatures: shapeOf('B')[0]! };
}
