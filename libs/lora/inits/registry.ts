/** The ways to start factors that read weights or tie factors to each other; the others are the layer kinds' own. */
import { UnsupportedError } from '#base/errors.js';
import type { LoraConfig } from '#lora/config.js';
import type { Init } from '#lora/inits/init.js';
import { olora } from '#lora/inits/olora.js';
import { orthogonal } from '#lora/inits/orthogonal.js';
import { pissa } from '#lora/inits/pissa.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import type { LoraFactors, TargetModule } from '#lora/target-module.js';
import type { AdapterStart } from '#lora/variants/variant.js';

const inits: readonly Init[] = [orthogonal, olora, pissa];

function initOf(init: LoraConfig['init_lora_weights']): Init | undefined {
  return typeof init === 'string' ? inits.find(({ matches }) => matches(init)) : undefined;
}

/** Whether training starts from a part of the base's weights, which is taken out of them meanwhile. */
export function isSubtracted(init: LoraConfig['init_lora_weights']): boolean {
  return initOf(init)?.isSubtracted ?? false;
}

/** Whether what such a training took out of the weights can be found again by whoever has them. */
export function isKnownAgain(init: LoraConfig['init_lora_weights']): boolean {
  return initOf(init)?.isKnownAgain?.(String(init)) ?? true;
}

/** The factors that training starts from. */
export function initialFactors(target: TargetModule, start: AdapterStart): Promise<LoraFactors> {
  const { init, random } = start;
  if (init === true || init === false || init === 'gaussian') {
    return Promise.resolve(layerKind(target).initialFactors(target, init, random, target.path));
  }
  return initOf(init)!.factors(target, start);
}

/** Throws UnsupportedError with the layers on which the configuration's `init_lora_weights` is not done. */
export function requireInit({ init_lora_weights: init }: LoraConfig, targets: readonly TargetModule[]): void {
  const found = initOf(init);
  if (!found) return;
  const refused = targets.flatMap((target) => {
    const reason = found.refusal(target);
    return reason === undefined ? [] : [{ path: target.path, reason }];
  });
  if (refused.length === 0) return;
  const [{ path, reason }] = refused as [{ path: string; reason: string }];
  const more = refused.length > 1 ? ` and ${refused.length - 1} more` : '';
  throw new UnsupportedError(
    `init_lora_weights ${JSON.stringify(init)} cannot start ${path}${more}: ${reason}. Give true, or other target_modules or ranks`,
    { modules: refused.map((layer) => layer.path) },
  );
}
