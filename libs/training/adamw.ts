/** AdamW (Loshchilov and Hutter 2019) with clipping by the global norm, as PyTorch computes them. */
import {
  add,
  concat,
  div,
  minimum,
  mul,
  scalar,
  split,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from '#jit/ops.js';

/** A stretch of the flat vector that is updated with the learning rate and the weight decay of a group. */
export interface GroupSegment {
  readonly group: string;
  readonly size: number;
}

/** How a group departs from the rest. */
export interface GroupRate {
  /** What the learning rate is multiplied by. */
  readonly factor: number;
  readonly weightDecay: number;
}

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest norm of the whole gradient; null = no limit. */
  readonly maxGradNorm: number | null;
  /** The whole vector in groups, each with scalars of its own; none = one group. */
  readonly segments?: readonly GroupSegment[];
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

const scalarNames = ['decay', 'stepSize', 'correction'] as const;

const groupsOf = ({ segments = [] }: AdamWOptions) => [...new Set(segments.map(({ group }) => group))];

/** The scalars that an update reads, by their names. */
export function adamWScalarNames(options: AdamWOptions): string[] {
  const groups = groupsOf(options);
  if (groups.length === 0) return [...scalarNames];
  return ['correction', ...groups.flatMap((group) => [`decay_${group}`, `stepSize_${group}`])];
}

/** The scalars of a step, counted from 1, whose parameters are in groups: values of `adamWScalarNames`. */
export function groupedScalars(
  options: AdamWOptions,
  learningRate: number,
  step: number,
  rates: Readonly<Record<string, GroupRate>>,
): Record<string, number> {
  const { correction } = adamWScalars(options, learningRate, step);
  const ofGroups = groupsOf(options).map((group) => {
    const { factor, weightDecay } = rates[group]!;
    const { decay, stepSize } = adamWScalars({ ...options, weightDecay }, learningRate * factor, step);
    return { [`decay_${group}`]: decay, [`stepSize_${group}`]: stepSize };
  });
  return Object.assign({ correction }, ...ofGroups) as Record<string, number>;
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

/** The state after one update with a flat gradient that has been clipped; the scalars are those of `adamWScalarNames`. */
export function adamWUpdate(
  { parameters, moment1, moment2 }: AdamWState,
  gradient: Tensor,
  { beta1, beta2, epsilon, segments }: AdamWOptions,
  scalars: Readonly<Record<string, Tensor>>,
): AdamWState {
  const m = add(mul(moment1, scalar(beta1)), mul(gradient, scalar(1 - beta1)));
  const v = add(mul(moment2, scalar(beta2)), mul(square(gradient), scalar(1 - beta2)));
  const denominator = add(div(sqrt(v), scalars['correction']!), scalar(epsilon));
  const moved = segments ? moveSegments(segments) : move;
  return { parameters: moved(parameters, () => div(m, denominator), scalars), moment1: m, moment2: v };
}

type Move = (
  parameters: Tensor,
  direction: () => Tensor,
  scalars: Readonly<Record<string, Tensor>>,
  suffix?: string,
) => Tensor;

const move: Move = (parameters, direction, scalars, suffix = '') =>
  sub(mul(parameters, scalars[`decay${suffix}`]!), mul(direction(), scalars[`stepSize${suffix}`]!));

/** Every segment by itself: a vector of rates would be as large as a moment. */
function moveSegments(segments: readonly GroupSegment[]): Move {
  return (parameters, direction, scalars) => {
    if (segments.length === 1) return move(parameters, direction, scalars, `_${segments[0]!.group}`);
    const sizes = segments.map(({ size }) => size);
    const directions = split(direction(), sizes);
    const moved = split(parameters, sizes).map((part, i) =>
      move(part, () => directions[i]!, scalars, `_${segments[i]!.group}`),
    );
    return concat(moved);
  };
}
