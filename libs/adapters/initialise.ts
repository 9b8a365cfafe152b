import type { AdapterModule } from '#adapters/adapter.js';
import { sizeOf } from '#base/shapes.js';
import { initialFactors } from '#lora/inits/registry.js';
import { normalNumbers } from '#lora/random-numbers.js';
import type { AdapterTensor, ModuleNumbers, TargetModule } from '#lora/target-module.js';
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
    const copies = await baseWeights(module, start);
    made.push({ ...module, numbers: { ...(await addedNumbers(module, start)), ...copies } });
    onLayer?.(made.length);
  }
  return made;
}

/** What the tensors beside the base's weights start from. */
async function addedNumbers(module: TargetModule, start: AdapterStart): Promise<ModuleNumbers> {
  // Without a rank it is the base's weights alone that are trained.
  if (module.r === 0) return {};
  const factors = await initialFactors(module, start);
  return { ...factors, ...(await variantAt(module).initial(module, { ...factors }, start)) };
}

/** What weights that are trained as they are start from. */
async function baseWeights({ tensors }: TargetModule, start: AdapterStart): Promise<ModuleNumbers> {
  const { readWeight, isUntrained } = start;
  const copies = tensors.flatMap((tensor) => {
    const { role, replaces } = tensor;
    if (replaces === undefined) return [];
    const values = isUntrained?.(replaces) ? untrainedWeight(tensor, start) : readWeight(replaces);
    return [Promise.resolve(values).then((values) => [role, values] as const)];
  });
  return Object.fromEntries(await Promise.all(copies));
}

/** transformers' `initializer_range`. */
const headDeviation = 0.02;

/** What transformers gives a head that nobody has trained: a normal weight, and biases of 0. */
function untrainedWeight({ name, shape }: AdapterTensor, { random }: AdapterStart): Float32Array {
  const size = sizeOf(shape);
  return shape.length === 1 ? new Float32Array(size) : normalNumbers(random, name, size, headDeviation);
}
