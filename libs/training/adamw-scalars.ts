/** Options of AdamW, and the numbers of it that change from step to step; plain numbers, no tensors. */

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest norm of the whole gradient; null = no limit. */
  readonly maxGradNorm: number | null;
}

/** What changes from step to step. */
export interface AdamWScalars<T> {
  /** 1 - learning rate * weight decay. */
  readonly decay: T;
  /** Learning rate / (1 - beta1^step). */
  readonly stepSize: T;
  /** sqrt(1 - beta2^step). */
  readonly correction: T;
}

/** The scalars of a step, counted from 1. */
export function adamWScalars(
  options: AdamWOptions,
  learningRate: number,
  step: number,
): AdamWScalars<number> {
  return {
    decay: 1 - learningRate * options.weightDecay,
    stepSize: learningRate / (1 - options.beta1 ** step),
    correction: Math.sqrt(1 - options.beta2 ** step),
  };
}
