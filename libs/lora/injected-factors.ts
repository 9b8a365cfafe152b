/** The numbers that the factors of an injected layer start from. */
import { sizeOf } from '#base/shapes.js';
import { normalAt, streamKey, uniformAt } from '#jit/random.js';
import type { DeltaGeometry, InjectedFactors } from '#lora/merge-injected.js';

/**
 * 'normal' draws down with standard deviation 1/r, as github.com/cloneofsimo/lora does; 'kaiming' uniformly in
 * +-1/sqrt(in / groups * kh * kw), which is Kaiming with a = sqrt 5, as PEFT does.
 */
export type DownInit = 'normal' | 'kaiming';

/** Down at random and up zero, so that the update is zero; the same numbers for the same seed and path. */
export function initialFactors(
  { path, inSize, outSize, r, kernel, groups, upGroups }: DeltaGeometry,
  init: DownInit,
  seed: number,
): Pick<InjectedFactors, 'down' | 'up'> {
  const key = streamKey(seed, 0, `${path}.lora_down`);
  const fanIn = (inSize / groups) * sizeOf(kernel);
  const draw = (i: number) =>
    init === 'normal' ? normalAt(key, i) / r : (2 * uniformAt(key, i) - 1) / Math.sqrt(fanIn);
  return {
    down: Float32Array.from({ length: r * fanIn }, (_, i) => draw(i)),
    up: new Float32Array((outSize * r) / upGroups),
  };
}
