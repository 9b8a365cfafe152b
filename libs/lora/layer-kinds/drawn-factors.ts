import { sizeOf } from '#base/shapes.js';
import type { FactorInit } from '#lora/layer-kinds/layer-kind.js';
import { normalNumbers, type RandomSource, uniformNumbers } from '#lora/random-numbers.js';
import type { LoraFactors, TargetModule } from '#lora/target-module.js';

/** Shapes of two factors whose first axes are the rows: A [r, ...], what it reads; B [out, ...], what it reads of the rank. */
export type FactorShapes = Readonly<Record<'A' | 'B', readonly number[]>>;

/**
 * Factors as PEFT starts them. true: A uniform in +-1/sqrt(numbers in a row), Kaiming with a = sqrt 5, B zero, so the update
 * is zero. 'gaussian': A normal with standard deviation 1/r, B zero. false: A as for true and B likewise; the update is
 * not zero, for tests. `site` names the random numbers.
 */
export function drawnFactors(
  { A, B }: FactorShapes,
  init: FactorInit,
  random: RandomSource,
  site: string,
): LoraFactors {
  const [siteA, siteB] = [`${site}.lora_A`, `${site}.lora_B`];
  const uniform = (at: string, shape: readonly number[]) =>
    uniformNumbers(random, at, sizeOf(shape), 1 / Math.sqrt(sizeOf(shape.slice(1))));
  return {
    A: init === 'gaussian' ? normalNumbers(random, siteA, sizeOf(A), 1 / A[0]!) : uniform(siteA, A),
    B: init === false ? uniform(siteB, B) : new Float32Array(sizeOf(B)),
  };
}

/** The shapes of a target's factors. */
export function factorShapes({ tensors }: TargetModule): FactorShapes {
  const shapeOf = (role: string) => tensors.find((tensor) => tensor.role === role)!.shape;
  return { A: shapeOf('A'), B: shapeOf('B') };
}
