/** Adapters as nothing but products of two matrices, for formats that know no more. */
import { type AdapterSource } from '#adapters/adapter.js';
import { UnsupportedError } from '#base/errors.js';
import { linearKind } from '#lora/layer-kinds/linear.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import type { LoraFactors, TargetModule } from '#lora/target-module.js';
import { factorsOf, notAdditive } from '#lora/variants/registry.js';

/** Why a format cannot hold an adapter, and what would. Always an UnsupportedError. */
export function cannotHold(format: string, adapter: string, path: string, reason: string, instead: string) {
  return new UnsupportedError(`${adapter} cannot be exported as ${format}: ${reason} (${path}). ${instead}`, {
    adapter,
    module: path,
  });
}

/** Throws `cannotHold` unless every update is a product of two matrices beside a linear layer. */
export function requireLinear({ name, modules }: AdapterSource, format: string, instead: string): void {
  requireProducts({ name, modules }, format, instead);
  for (const target of modules.values()) {
    if (target.kind === linearKind.name) continue;
    throw cannotHold(format, name, target.path, `it changes ${layerKind(target).title}`, instead);
  }
}

/** Throws `cannotHold` unless every update is a product. */
export function requireProducts(
  { name, modules }: Pick<AdapterSource, 'name' | 'modules'>,
  format: string,
  instead: string,
): void {
  for (const target of modules.values()) {
    const reason = notAdditive(target);
    if (reason !== undefined) throw cannotHold(format, name, target.path, reason, instead);
  }
}

/** The factors of a layer with B multiplied by a number; with 1 the numbers are those of the adapter. */
export async function scaledFactors(
  { readNumbers }: AdapterSource,
  target: TargetModule,
  factor: number,
): Promise<LoraFactors> {
  const { A, B } = factorsOf(target, await readNumbers(target.path));
  return { A, B: factor === 1 ? B : B.map((value) => value * factor) };
}
