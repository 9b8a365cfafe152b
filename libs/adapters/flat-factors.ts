/** Between an adapter's numbers by layer and the one vector that step functions take. */
import type { Adapter, AdapterModule } from '#adapters/adapter.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import type { TargetModule } from '#lora/target-module.js';
import { viewOf } from '#nn/flat-state.js';

/** An adapter as the flat vector of its numbers, in the order of `adapterLayout(modules)`. */
export interface FlatAdapter {
  readonly modules: readonly TargetModule[];
  readonly parameters: Float32Array;
  /** What each row of the rank is multiplied by besides the layer's scale, modules one after the other; none = 1. */
  readonly selector?: Float32Array;
}

/** The flat form of an adapter that was read from its files. */
export function flatAdapter(adapter: Adapter): FlatAdapter {
  const modules = [...adapter.modules.values()];
  return { modules, parameters: flattenModules(modules) };
}

/** The flat vector of layers' numbers, in new memory and in the given order. */
export function flattenModules(modules: readonly AdapterModule[]): Float32Array {
  const { entries, size } = adapterLayout(modules);
  const flat = new Float32Array(size);
  const values = modules.flatMap(({ tensors, numbers }) => tensors.map(({ role }) => numbers[role]!));
  for (const [i, entry] of entries.entries()) flat.set(values[i]!, entry.offset);
  return flat;
}

/** The layers with their numbers out of a flat vector, copied. */
export function unflattenModules(modules: readonly TargetModule[], flat: Float32Array): AdapterModule[] {
  const { entries } = adapterLayout(modules);
  let next = 0;
  return modules.map((module) => ({
    ...module,
    numbers: Object.fromEntries(
      module.tensors.map(({ role }) => [role, viewOf(flat, entries[next++]!).slice()]),
    ),
  }));
}
