import type { AdapterModule } from '#adapters/adapter.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import type { TargetModule } from '#lora/target-module.js';
import { variantAt } from '#lora/variants/registry.js';
import type { AdapterStart } from '#lora/variants/variant.js';

/** The layers of a new adapter with what its training starts from, as PEFT makes them (with other random numbers). */
export function initialiseAdapter(
  modules: readonly TargetModule[],
  start: AdapterStart,
): Promise<AdapterModule[]> {
  return Promise.all(
    modules.map(async (module) => {
      const factors = layerKind(module).initialFactors(module, start.init, start.random, module.path);
      const others = await variantAt(module).initial(module, factors, start);
      return { ...module, numbers: { ...factors, ...others } };
    }),
  );
}
