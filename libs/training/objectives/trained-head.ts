import { LoraConfigError } from '#lora/config.js';
import { wholeWeightsOf } from '#lora/target-module.js';
import type { TargetPlan } from '#lora/target-modules.js';
import { isSaved } from '#lora/variants/whole-weights.js';
import type { Model } from '#models/model.js';
import { declarationOf, type Method } from '#training/objectives/declared/registry.js';

/** Throws LoraConfigError where a LoRA configuration trains the head of a model and a method cannot. */
export function requireTrainable(method: Method, model: Model, { config, modules }: TargetPlan): void {
  const { headRefusal } = declarationOf(method);
  if (headRefusal === undefined) return;
  const heads = new Set(model.headLayers.map(({ path }) => path));
  const head = modules.find((target) => heads.has(target.path) && wholeWeightsOf([target]).length > 0);
  if (!head) return;
  const [field, value, fix] = isSaved(config, head.path)
    ? (['modules_to_save', config.modules_to_save, `leave ${head.path} out`] as const)
    : (['bias', config.bias, 'give "none" or "lora_only"'] as const);
  const problem = `${JSON.stringify(value)} trains ${head.path}, which the method ${method.type} cannot: ${headRefusal}`;
  throw new LoraConfigError([{ field, problem, fix }]);
}
