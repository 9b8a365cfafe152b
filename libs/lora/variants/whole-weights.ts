/** Weights of the base model that an adapter trains as they are: PEFT's `modules_to_save` and `bias`. */
import type { LoraConfig } from '#lora/config.js';
import { type AdapterTensor, KEY_PREFIX, type TargetModule } from '#lora/target-module.js';
import type { Variant } from '#lora/variants/variant.js';
import type { Module, Parameter } from '#nn/module.js';

const name = 'whole';

/** The trained copies of whole weights; they have no rank. */
export const wholeWeights: Variant = {
  name,
  title: 'whole weights',
  tensors: () => ({}),
  initial: () => Promise.resolve({}),
  forward: (layer, x) => layer.baseOutput(x),
  isActiveAtZero: true,
  notAdditive: 'weights of the base itself were trained (bias or modules_to_save)',
};

/** A layer some of whose own weights are trained as they are, by their names in it. */
export function wholeTarget(
  path: string,
  weights: readonly { readonly role: string; readonly shape: readonly number[] }[],
): TargetModule {
  return {
    path,
    kind: name,
    variant: name,
    inFeatures: 0,
    outFeatures: 0,
    r: 0,
    loraAlpha: 0,
    scale: 1,
    tensors: weights.map(({ role, shape }) => ({
      role,
      name: `${path}.trained.${role}`,
      key: `${KEY_PREFIX}${path}.${role}`,
      shape,
      replaces: `${path}.${role}`,
    })),
  };
}

/** The bias of a base layer that has a low-rank update as well. */
export function baseBias(path: string, size: number): AdapterTensor {
  return {
    role: 'base_bias',
    name: `${path}.base_layer.bias`,
    key: `${KEY_PREFIX}${path}.base_layer.bias`,
    shape: [size],
    replaces: `${path}.bias`,
  };
}

/**
 * Whether `modules_to_save` names a module, or one that it is inside of. A name is the end of a path and, as PEFT reads it,
 * of a part of it: `norm` names `layers.0.input_layernorm` too.
 */
export function isSaved({ modules_to_save: names }: LoraConfig, path: string): boolean {
  if (names === null) return false;
  const parts = path.split('.');
  const around = parts.map((_, i) => parts.slice(0, i + 1).join('.'));
  return names.some((name) => around.some((outer) => outer.endsWith(name)));
}

/** Whether low-rank updates leave a module alone because `modules_to_save` has whole parts of its path. */
export function isLeftWhole({ modules_to_save: names }: LoraConfig, path: string): boolean {
  return (names ?? []).some((name) => `.${path}.`.includes(`.${name}.`));
}

function ownWeights(module: Module, isTrained: (weight: Parameter) => boolean): TargetModule[] {
  const weights = module.weights.filter(isTrained).map(({ name, shape }) => ({
    role: name.slice(module.path.length + 1),
    shape,
  }));
  return weights.length === 0 ? [] : [wholeTarget(module.path, weights)];
}

/** The layers whose own weights a configuration trains beside the low-rank updates of `adapted`. */
export function wholeTargets(
  modules: readonly Module[],
  config: LoraConfig,
  adapted: ReadonlySet<string>,
): TargetModule[] {
  return modules.flatMap((module) => {
    if (isSaved(config, module.path)) return ownWeights(module, () => true);
    if (config.bias !== 'all' || adapted.has(module.path)) return [];
    return ownWeights(module, ({ name }) => name.includes('bias'));
  });
}
