/** Between an adapter's factors by module and the one vector that step functions take. */
import type { Adapter, LoraFactors } from '#adapters/adapter.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import type { TargetModule } from '#lora/target-modules.js';
import { type FlatLayout, viewOf } from '#nn/flat-state.js';

/** An adapter as the flat vector of its factors, in the order of `adapterLayout(modules)`. */
export interface FlatAdapter {
  readonly modules: readonly TargetModule[];
  readonly parameters: Float32Array;
  /** What each row of the rank is multiplied by besides the layer's scale, modules one after the other; none = 1. */
  readonly selector?: Float32Array;
}

/** The flat form of an adapter that was read from its files. */
export function flatAdapter(adapter: Adapter): FlatAdapter {
  const modules = [...adapter.modules.values()];
  return { modules, parameters: flattenFactors(adapterLayout(modules), adapter.modules) };
}

/** The flat vector of an adapter's factors, in new memory; the layout's modules must all be there. */
export function flattenFactors(layout: FlatLayout, factors: ReadonlyMap<string, LoraFactors>): Float32Array {
  const flat = new Float32Array(layout.size);
  for (const entry of layout.entries) {
    const [, path, factor] = /^(.*)\.lora_([AB])\.weight$/.exec(entry.name)!;
    flat.set(factors.get(path!)![factor as 'A' | 'B'], entry.offset);
  }
  return flat;
}

/** The factors in a flat vector, copied. */
export function unflattenFactors(layout: FlatLayout, flat: Float32Array): Map<string, LoraFactors> {
  const factors = new Map<string, { A: Float32Array; B: Float32Array }>();
  for (const entry of layout.entries) {
    const [, path, factor] = /^(.*)\.lora_([AB])\.weight$/.exec(entry.name)!;
    const pair = factors.get(path!) ?? { A: new Float32Array(), B: new Float32Array() };
    factors.set(path!, { ...pair, [factor!]: viewOf(flat, entry).slice() });
  }
  return factors;
}
