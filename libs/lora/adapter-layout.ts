/** The trainable numbers of an adapter as one vector; plain numbers, no tensors. */
import { adapterTensorName, type TargetModule } from '#lora/target-modules.js';
import { type FlatLayout, layOut } from '#nn/flat-state.js';

/** The place of every factor of an adapter in the flat state, A before B, modules in the given order. */
export function adapterLayout(modules: readonly TargetModule[]): FlatLayout {
  return layOut(
    modules.flatMap(({ path, r, inFeatures, outFeatures }) => [
      { name: `${path}.lora_A.weight`, shape: [r, inFeatures] },
      { name: `${path}.lora_B.weight`, shape: [outFeatures, r] },
    ]),
  );
}

/** The place of every layer's selector, a number for each row of its rank, in one vector. */
export function selectorLayout(modules: readonly TargetModule[]): FlatLayout {
  return layOut(modules.map(({ path, r }) => ({ name: `${path}.lora_selector`, shape: [r] })));
}

/** Names of the dropout streams of a model's layers, in the order of their sites. */
export function dropoutSiteNames(modules: readonly TargetModule[]): string[] {
  return modules.map(({ path }) => `${adapterTensorName(path, 'A')} dropout`);
}
