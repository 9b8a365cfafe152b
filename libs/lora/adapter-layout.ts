/** The trainable numbers of an adapter as one vector; plain numbers, no tensors. */
import type { AdapterTensor, TargetModule } from '#lora/target-module.js';
import { type FlatLayout, layOut } from '#nn/flat-state.js';

/** The place of every tensor of an adapter in the flat state, layer by layer in the given order. */
export function adapterLayout(modules: readonly Pick<TargetModule, 'tensors'>[]): FlatLayout {
  return layOut(modules.flatMap(({ tensors }) => tensors));
}

/** The place of every frozen tensor of the layers in a vector of their own; of size 0 where there are none. */
export function frozenLayout(modules: readonly Pick<TargetModule, 'frozen'>[]): FlatLayout {
  return layOut(modules.flatMap(({ frozen = [] }) => frozen));
}

/** The place of every layer's selector, a number for each row of its rank, in one vector. */
export function selectorLayout(modules: readonly TargetModule[]): FlatLayout {
  const adapted = modules.filter(({ r }) => r > 0);
  return layOut(adapted.map(({ path, r }) => ({ name: `${path}.lora_selector`, shape: [r] })));
}

/** Names of the dropout streams of a model's layers, in the order of their sites. */
export function dropoutSiteNames(modules: readonly TargetModule[]): string[] {
  return modules.map(({ tensors }) => `${tensors[0]!.key} dropout`);
}

/** What a compiled step depends on of a layer; the numbers that a module may hold are none of it. */
export function layerKey({ path, variant, scale, tensors, frozen }: TargetModule): unknown {
  const shapes = (list: readonly AdapterTensor[]) => list.map(({ name, shape }) => [name, shape]);
  return { path, variant, scale, tensors: shapes(tensors), ...(frozen ? { frozen: shapes(frozen) } : {}) };
}
