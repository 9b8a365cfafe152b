/** A base model with LoRA layers injected, its trainable numbers laid out in one vector. */
import type { LoraFactors } from '#adapters/adapter.js';
import type { ProgramSpec } from '#jit/trace.js';
import { type DropoutStreams, LoraLinear } from '#lora/lora-linear.js';
import { adapterTensorName, type TargetModule } from '#lora/target-modules.js';
import type { DecoderConfig } from '#models/config.js';
import { Decoder } from '#models/decoder.js';
import type { StoredParameter } from '#models/model-folder.js';
import type { RowMap } from '#nn/module.js';
import { type FlatLayout, layOut, viewOf } from '#training/flat-state.js';

/** What the step functions need of a model. */
export interface TrainableModel {
  readonly decoder: Decoder;
  /** Names and places of the trainable weights in the flat state. */
  readonly layout: FlatLayout;
  readonly streams: DropoutStreams;
  /** Number of layers with dropout, 0 for none. */
  readonly dropoutSites: number;
}

/** The place of every factor of an adapter in the flat state, A before B, modules in the given order. */
export function adapterLayout(modules: readonly TargetModule[]): FlatLayout {
  return layOut(
    modules.flatMap(({ path, r, inFeatures, outFeatures }) => [
      { name: `${path}.lora_A.weight`, shape: [r, inFeatures] },
      { name: `${path}.lora_B.weight`, shape: [outFeatures, r] },
    ]),
  );
}

/** Builds the decoder and puts a LoRA layer in the place of every target. */
export function createLoraModel(
  config: DecoderConfig,
  modules: readonly TargetModule[],
  dropout: number,
): TrainableModel {
  const decoder = new Decoder(config);
  const streams: DropoutStreams = { keys: undefined };
  for (const [site, { path, r, scale }] of modules.entries()) {
    const slot = decoder.slotOf(path);
    slot.module = new LoraLinear(slot.module as RowMap, { r, scale, dropout, site, streams });
  }
  return { decoder, layout: adapterLayout(modules), streams, dropoutSites: dropout > 0 ? modules.length : 0 };
}

/** The frozen weights of a model as step functions ask for them. */
export function frozenWeights(parameters: ReadonlyMap<string, StoredParameter>): ProgramSpec['weights'] {
  return Object.fromEntries(
    [...parameters.values()].map(({ name, shape, file, offset, byteLength, storage }) => [
      name,
      { shape, source: { file, offset, byteLength, storage } },
    ]),
  );
}

/** The flat vector of an adapter's factors. */
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

/** Names of the dropout streams of a model's layers, in the order of their sites. */
export function dropoutSiteNames(modules: readonly TargetModule[]): string[] {
  return modules.map(({ path }) => `${adapterTensorName(path, 'A')} dropout`);
}
