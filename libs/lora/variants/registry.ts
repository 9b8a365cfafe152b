/** The variants of LoRA. Of those that a configuration asks for the first counts. */
import type { LoraConfig } from '#lora/config.js';
import { layerKind, layerKinds } from '#lora/layer-kinds/registry.js';
import type { ModuleRank } from '#lora/target-modules-match.js';
import {
  KEY_PREFIX,
  type LayerGeometry,
  type LoraFactors,
  type ModuleNumbers,
  type TargetModule,
} from '#lora/target-module.js';
import { dora } from '#lora/variants/dora.js';
import { loraBias } from '#lora/variants/lora-bias.js';
import { lora } from '#lora/variants/lora.js';
import { outputDropout } from '#lora/variants/output-dropout.js';
import { baseBias, wholeWeights } from '#lora/variants/whole-weights.js';
import type { Variant } from '#lora/variants/variant.js';

export const variants: readonly Variant[] = [dora, loraBias, outputDropout, lora];

/** The variant that a configuration asks for. */
export function variantOf(config: LoraConfig): Variant {
  return variants.find(({ declaration }) => !declaration || declaration.isAsked(config))!;
}

/** The variant of a layer that an adapter changes. */
export function variantAt({ variant }: Pick<TargetModule, 'variant'>): Variant {
  const found = [...variants, wholeWeights].find(({ name }) => name === variant);
  if (!found) throw new Error(`there is no variant ${variant}`);
  return found;
}

/** A layer of these sizes as a target of a variant. */
export function targetModule(
  path: string,
  geometry: LayerGeometry,
  { r, loraAlpha, scale }: ModuleRank,
  variant: Variant = lora,
  trainsBias = false,
): TargetModule {
  const tensors = { ...layerKind(geometry).factors(geometry, r), ...variant.tensors(geometry) };
  return {
    path,
    ...geometry,
    r,
    loraAlpha,
    scale,
    variant: variant.name,
    tensors: [
      ...Object.entries(tensors).map(([role, { name, shape }]) => ({
        role,
        name: `${path}.${name}`,
        key: `${KEY_PREFIX}${path}.${name}`,
        shape,
      })),
      ...(trainsBias ? [baseBias(path, geometry.outFeatures)] : []),
    ],
  };
}

const anyGeometry = (kind: string): LayerGeometry => ({ kind, inFeatures: 1, outFeatures: 1 });
const tensorNames = new Set(
  layerKinds.flatMap(({ name, factors }) => {
    const own = variants.map(({ tensors }) => tensors(anyGeometry(name)));
    return [factors(anyGeometry(name), 1), ...own]
      .flatMap((tensors) => Object.values(tensors))
      .map((tensor) => tensor.name.replace(/\.weight$/, ''));
  }),
);

/** Whether a variant has a tensor of this name inside its layers, without PyTorch's `.weight`. */
export function isTensorName(name: string): boolean {
  return tensorNames.has(name);
}

/** The factors of a layer's low-rank update, which are not copied. */
export function factorsOf(_: TargetModule, { A, B }: ModuleNumbers): LoraFactors {
  return { A: A!, B: B! };
}

const trainsBase = ({ tensors }: TargetModule) => tensors.some(({ replaces }) => replaces !== undefined);

/** Whether a layer gives what its base gives, to the bit, where all of its tensors are zero. */
export function isBaseAtZero(target: TargetModule): boolean {
  return !variantAt(target).isActiveAtZero && !trainsBase(target);
}

/** Why the update of a layer cannot be added to those of other adapters; undefined where it can. */
export function notAdditive(target: TargetModule): string | undefined {
  const { groups = 1 } = target;
  if (groups > 1) return `the convolution has ${groups} groups, and its update is no product of two matrices`;
  return trainsBase(target) ? wholeWeights.notAdditive : variantAt(target).notAdditive;
}
