/** The numbers that the factors of an injected layer start from. */
import { drawnFactors } from '#lora/layer-kinds/drawn-factors.js';
import type { DeltaGeometry, InjectedFactors } from '#lora/merge-injected.js';
import { seededNumbers } from '#lora/random-numbers.js';

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
  const shapes = { A: [r, inSize / groups, ...kernel], B: [outSize, r / upGroups] };
  const { A, B } = drawnFactors(shapes, init === 'normal' ? 'gaussian' : true, seededNumbers(seed), path);
  return { down: A, up: B };
}
