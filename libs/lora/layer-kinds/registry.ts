/** The kinds of layers that can have a low-rank update. */
import { conv2dKind } from '#lora/layer-kinds/conv2d.js';
import { embeddingKind } from '#lora/layer-kinds/embedding.js';
import type { LayerKind } from '#lora/layer-kinds/layer-kind.js';
import { linearKind } from '#lora/layer-kinds/linear.js';
import type { LayerGeometry } from '#lora/target-module.js';
import type { Module } from '#nn/module.js';

export const layerKinds: readonly LayerKind[] = [embeddingKind, conv2dKind, linearKind];

/** The kind of a layer by the name in its geometry. */
export function layerKind({ kind }: Pick<LayerGeometry, 'kind'>): LayerKind {
  const found = layerKinds.find(({ name }) => name === kind);
  if (!found) throw new Error(`there is no kind of layers ${kind}`);
  return found;
}

/** The sizes of a layer that can have a low-rank update; undefined for any other. */
export function geometryOf(module: Module): LayerGeometry | undefined {
  for (const kind of layerKinds) {
    const geometry = kind.geometryOf(module);
    if (geometry) return geometry;
  }
  return undefined;
}

/** The sizes of the layer that factors of these shapes belong to, by their names without PyTorch's `.weight`. */
export function geometryOfFactors(shapes: Readonly<Record<string, readonly number[]>>): LayerGeometry {
  for (const kind of layerKinds) {
    const geometry = kind.geometryOfFactors(shapes);
    if (geometry) return geometry;
  }
  // Nothing fits: what a linear layer lacks is named then.
  return { kind: linearKind.name, inFeatures: 0, outFeatures: 0 };
}
