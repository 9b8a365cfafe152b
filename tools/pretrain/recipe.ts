/** The numbers of the pretraining run. */

export interface PretrainingRecipe {
  readonly seed: number;
  /** Tokens in a block. */
  readonly blockLength: number;
  /** Blocks in a step. */
  readonly batchSize: number;
  readonly steps: number;
  readonly warmupSteps: number;
  readonly learningRate: number;
  /** The cosine ends at this share of the learning rate. */
  readonly finalLearningRateRatio: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly maxGradientNorm: number;
  /** Every so many-th base passage is kept out of training, to measure the loss on. */
  readonly heldOutEvery: number;
}

export const pretrainingRecipe: PretrainingRecipe = {
  seed: 1,
  blockLength: 512,
  // Few tokens a step: trials in PyTorch had a held-out loss of 5.09 after 0.4 million tokens in steps of 1,024 (rate
  // 1.5e-3, blocks of 256), and of 5.27 after 0.7 million in steps of 4,096 (rate 2e-3, blocks of 512).
  batchSize: 4,
  steps: 3000,
  warmupSteps: 100,
  learningRate: 2e-3,
  finalLearningRateRatio: 0.05,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  maxGradientNorm: 1,
  heldOutEvery: 200,
};

/** Linear warm-up, then a cosine from the learning rate to its final share; `step` counts from 0. */
export function learningRateAt(recipe: PretrainingRecipe, step: number): number {
  const warmup = (step + 1) / recipe.warmupSteps;
  if (warmup < 1) return recipe.learningRate * warmup;
  const progress = Math.min(1, (step - recipe.warmupSteps + 1) / (recipe.steps - recipe.warmupSteps));
  const cosine = (1 + Math.cos(Math.PI * progress)) / 2;
  return recipe.learningRate * (recipe.finalLearningRateRatio + (1 - recipe.finalLearningRateRatio) * cosine);
}

/** Parts a list into what trains and what measures, as the recipe says. */
export function splitHeldOut<T>(items: readonly T[], every: number): { training: T[]; heldOut: T[] } {
  const isHeldOut = (index: number): boolean => index % every === every - 1;
  return {
    training: items.filter((_, index) => !isHeldOut(index)),
    heldOut: items.filter((_, index) => isHeldOut(index)),
  };
}
