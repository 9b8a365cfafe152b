import type { LoraFactors } from '#adapters/adapter.js';
import type { LoraConfig } from '#lora/config.js';
import type { TargetModule } from '#lora/target-modules.js';

/** Random numbers as a pure function of a place and an index, so that a repeated run repeats them bit for bit. */
export interface RandomSource {
  /** In [0, 1). */
  uniform(site: string, index: number): number;
}

/**
 * The factors that training starts from, as PEFT makes them (with other random numbers).
 *
 * true: A uniform in +-1/sqrt(inFeatures) (Kaiming with a = sqrt 5), B zero, so the update is zero.
 * 'gaussian': A normal with standard deviation 1/r, B zero. false: A as for true and B uniform in +-1/sqrt(r); the
 * update is not zero, for tests.
 */
export function initialiseAdapter(
  modules: readonly TargetModule[],
  init: LoraConfig['init_lora_weights'],
  random: RandomSource,
): Map<string, LoraFactors> {
  return new Map(
    modules.map(({ path, r, inFeatures, outFeatures }) => {
      const [siteA, siteB] = [`${path}.lora_A`, `${path}.lora_B`];
      const A =
        init === 'gaussian'
          ? normal(random, siteA, r * inFeatures, 1 / r)
          : uniform(random, siteA, r * inFeatures, 1 / Math.sqrt(inFeatures));
      const B =
        init === false
          ? uniform(random, siteB, outFeatures * r, 1 / Math.sqrt(r))
          : new Float32Array(outFeatures * r);
      return [path, { A, B }];
    }),
  );
}

function uniform(random: RandomSource, site: string, length: number, bound: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (2 * random.uniform(site, i) - 1) * bound);
}

/** Box-Muller over the indices 2i and 2i + 1. */
function normal(random: RandomSource, site: string, length: number, deviation: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.uniform(site, 2 * i)));
    return deviation * radius * Math.cos(2 * Math.PI * random.uniform(site, 2 * i + 1));
  });
}
