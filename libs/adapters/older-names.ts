/** Adapters whose layers have the names of older releases of transformers, read under the names of today. */
import type { FileLayers } from '#adapters/adapter-file.js';
import type { LoraConfig } from '#lora/config.js';
import { rankPaths } from '#lora/target-modules-match.js';
import { familyOf } from '#models/families/registry.js';
import type { Model } from '#models/model.js';

/** An adapter's layers and configuration. */
export interface NamedLayers {
  readonly layers: FileLayers;
  readonly config: LoraConfig;
}

/**
 * The layers under the paths of the model's tree. Where any of them had an older name, the configuration names each by its
 * path, with its own rank and alpha: patterns over the older names mean nothing in the tree.
 */
export function withTreeNames({ layers, config }: NamedLayers, model: Model): NamedLayers {
  const paths = new Set([...model.modules()].map(({ path }) => path));
  const namesOf = familyOf(model.config).files?.namesOf;
  const strange = [...layers.keys()].some((path) => !paths.has(path));
  if (!namesOf || !strange) return { layers, config };
  const pathOf = new Map([...paths].flatMap((path) => namesOf(path).map((name) => [name, path])));
  const inTree = (name: string) => (paths.has(name) ? name : (pathOf.get(name) ?? name));
  const names = [...layers.keys()];
  if (names.every((name) => inTree(name) === name)) return { layers, config };
  const ranks = rankPaths(config, names);
  const patternOf = (value: (i: number) => number, usual: number) =>
    Object.fromEntries(
      names.flatMap((name, i) => (value(i) === usual ? [] : [[inTree(name), value(i)] as const])),
    );
  return {
    layers: new Map(names.map((name) => [inTree(name), layers.get(name)!])),
    config: {
      ...config,
      target_modules: names.map(inTree).sort(),
      exclude_modules: null,
      layers_to_transform: null,
      layers_pattern: null,
      rank_pattern: patternOf((i) => ranks[i]!.r, config.r),
      alpha_pattern: patternOf((i) => ranks[i]!.loraAlpha, config.lora_alpha),
    },
  };
}
