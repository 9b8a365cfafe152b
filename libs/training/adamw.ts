/** AdamW (Loshchilov and Hutter 2019) with clipping by the global norm, as PyTorch computes them. */
import { add, div, minimum, mul, scalar, sqrt, square, sub, sum, type Tensor } from '#jit/ops.js';

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

/** Parameters and their two moments, flat vectors of equal size. */
export interface AdamWState {
  readonly parameters: Tensor;
  readonly moment1: Tensor;
  readonly moment2: Tensor;
}

/** Norm of a flat gradient, and the gradient after clipping. The 1e-6 is PyTorch's `clip_grad_norm_`. */
export function clipByNorm(gradient: Tensor, maxGradNorm: number | null): { gradient: Tensor; norm: Tensor } {
  const norm = sqrt(sum(square(gradient)));
  if (maxGradNorm === null) return { gradient, norm };
  const factor = minimum(div(scalar(maxGradNorm), add(norm, scalar(1e-6))), scalar(1));
  return { gradient: mul(gradient, factor), norm };
}

/** The state after one update with a flat gradient that has been clipped. */
export function adamWUpdate(
  { parameters, moment1, moment2 }: AdamWState,
  gradient: Tensor,
  { beta1, beta2, epsilon }: AdamWOptions,
  { decay, stepSize, correction }: AdamWScalars<Tensor>,
): AdamWState {
  const m = add(mul(moment1, scalar(beta1)), mul(gradient, scalar(1 - beta1)));
  const v = add(mul(moment2, scalar(beta2)), mul(square(gradient), scalar(1 - beta2)));
  const denominator = add(div(sqrt(v), correction), scalar(epsilon));
  return {
    parameters: sub(mul(parameters, decay), mul(div(m, denominator), stepSize)),
    moment1: m,
    moment2: v,
  };
}
