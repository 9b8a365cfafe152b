/**
 * Adapters whose training starts from a part of the base's weights: W x + scale (B A - B0 A0) x. As plain LoRA for the
 * untouched base that is [B, -B0] [A; A0], of twice the rank and the same scale (PEFT's conversion on saving).
 */
import type { LoraConfig } from '#lora/config.js';
import { isSubtracted } from '#lora/inits/registry.js';
import { rankPaths } from '#lora/target-modules-match.js';
import { layerOf, type LoraFactors, type TargetModule } from '#lora/target-module.js';
import { targetModule, variantAt } from '#lora/variants/registry.js';

/** The layers as they are trained: with a place for A0 and B0, where something is subtracted. */
export function trainedModules(
  { init_lora_weights: init }: LoraConfig,
  modules: readonly TargetModule[],
): readonly TargetModule[] {
  if (!isSubtracted(init)) return modules;
  const frozen = (name: string) => name.replace(/\.lora_([AB])\.weight$/, '.lora_$10.weight');
  return modules.map((module) => ({
    ...module,
    frozen: module.tensors.map((tensor) => ({
      ...tensor,
      name: frozen(tensor.name),
      key: frozen(tensor.key),
    })),
  }));
}

/** The configuration of the plain adapter, as PEFT's conversion writes it. */
export function plainConfig(config: LoraConfig): LoraConfig {
  if (!isSubtracted(config.init_lora_weights)) return config;
  // With rank stabilisation the scale is alpha / sqrt(r).
  const growth = config.use_rslora ? Math.SQRT2 : 2;
  const grown = (pattern: Readonly<Record<string, number>>, factor: number) =>
    Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, factor * value]));
  return {
    ...config,
    init_lora_weights: true,
    r: 2 * config.r,
    lora_alpha: growth * config.lora_alpha,
    rank_pattern: grown(config.rank_pattern, 2),
    alpha_pattern: grown(config.alpha_pattern, growth),
  };
}

/** The layers of the plain adapter, in the same order. */
export function plainModules(config: LoraConfig, modules: readonly TargetModule[]): readonly TargetModule[] {
  if (!isSubtracted(config.init_lora_weights)) return modules;
  const ranks = rankPaths(
    plainConfig(config),
    modules.map(({ path }) => path),
  );
  return modules.map((module, i) => targetModule(module.path, layerOf(module), ranks[i]!, variantAt(module)));
}

/** [B, -B0] and [A; A0]. */
export function plainFactors(factors: LoraFactors, start: LoraFactors, r: number): LoraFactors {
  const A = new Float32Array(2 * factors.A.length);
  A.set(factors.A);
  A.set(start.A, factors.A.length);
  const B = new Float32Array(2 * factors.B.length);
  for (let row = 0; row * r < factors.B.length; row++) {
    for (let k = 0; k < r; k++) {
      B[2 * row * r + k] = factors.B[row * r + k]!;
      B[(2 * row + 1) * r + k] = -start.B[row * r + k]!;
    }
  }
  return { A, B };
}

/** What `plainFactors` put together, bit for bit; `r` is the rank of each half. */
export function splitFactors({ A, B }: LoraFactors, r: number): { factors: LoraFactors; start: LoraFactors } {
  const half = B.length / 2;
  const [ofTraining, ofStart] = [new Float32Array(half), new Float32Array(half)];
  for (let row = 0; row * r < half; row++) {
    for (let k = 0; k < r; k++) {
      ofTraining[row * r + k] = B[2 * row * r + k]!;
      ofStart[row * r + k] = -B[(2 * row + 1) * r + k]!;
    }
  }
  return {
    factors: { A: A.slice(0, A.length / 2), B: ofTraining },
    start: { A: A.slice(A.length / 2), B: ofStart },
  };
}
