import type { AdapterModule } from '#adapters/adapter.js';
import { initialFactors } from '#lora/inits/registry.js';
import type { TargetModule } from '#lora/target-module.js';
import { variantAt } from '#lora/variants/registry.js';
import type { AdapterStart } from '#lora/variants/variant.js';

/**
 * The layers of a new adapter with what its training starts from, as PEFT makes them (with other random numbers). One layer
 * after the other, since the weight of each may be read; `onLayer` is told how many are done.
 */
export async function initialiseAdapter(
  modules: readonly TargetModule[],
  start: AdapterStart,
  onLayer?: (done: number) => void,
): Promise<AdapterModule[]> {
  const made: AdapterModule[] = [];
  for (const module of modules) {
    const factors = await initialFactors(module, start);
    const others = await variantAt(module).initial(module, factors, start);
    made.push({ ...module, numbers: { ...factors, ...others } });
    onLayer?.(made.length);
  }
  return made;
}
