/** Adapters of PEFT that were saved without conversion although their training started from a part of the base's weights. */
import type { AdapterModule, OpenAdapter } from '#adapters/adapter.js';
import { UnsupportedError } from '#base/errors.js';
import { plainConfig, plainFactors, plainModules } from '#lora/inits/plain-lora.js';
import type { LoraConfig } from '#lora/config.js';
import { initialFactors, isKnownAgain, isSubtracted } from '#lora/inits/registry.js';
import { seededNumbers } from '#lora/random-numbers.js';
import type { AdapterStart } from '#lora/variants/variant.js';

/** The base's weights, for adapters that mean nothing without them. */
export type BaseWeights = Pick<AdapterStart, 'readWeight' | 'norms' | 'isTransposed' | 'pause'>;

/**
 * The adapter as plain LoRA of twice the rank, for the untouched base. PEFT takes the start out of the base's weights again
 * whenever it loads such an adapter; here that is computed from the weights when a layer is read.
 *
 * Any other adapter is returned as it is. Throws UnsupportedError where the weights are not at hand, and for
 * `pissa_niter_N`, of which they do not tell what was taken.
 */
export function plainAdapter(adapter: OpenAdapter, weights: BaseWeights | undefined): OpenAdapter {
  const { config, name } = adapter;
  const { init_lora_weights: init } = config;
  if (!isSubtracted(init)) return adapter;
  if (!weights || !isKnownAgain(init)) throw changedBase(name, init);
  const targets = [...adapter.modules.values()];
  const modules = plainModules(config, targets);
  const readNumbers = async (path: string): Promise<AdapterModule['numbers']> => {
    const target = adapter.modules.get(path)!;
    const { A, B } = await adapter.readNumbers(path);
    const start = await initialFactors(target, { init, random: seededNumbers(0), ...weights });
    return { ...plainFactors({ A: A!, B: B! }, start, target.r) };
  };
  return {
    ...adapter,
    config: plainConfig(config),
    modules: new Map(modules.map((module) => [module.path, module])),
    missing: plainModules(config, adapter.missing),
    readNumbers,
  };
}

function changedBase(name: string, init: LoraConfig['init_lora_weights']): UnsupportedError {
  const remedy = "save it with PEFT's save_pretrained(..., path_initial_model_for_weight_conversion=...)";
  const reason = isKnownAgain(init)
    ? `means that it belongs to a base with changed weights: ${remedy}, or go on training it with the trainer, which has the base`
    : `took something out of the base's weights that random numbers decided, which are drawn anew whenever it is loaded: ${remedy}`;
  return new UnsupportedError(`adapter ${name}: init_lora_weights ${JSON.stringify(init)} ${reason}`, {
    folder: name,
    init_lora_weights: init,
  });
}
