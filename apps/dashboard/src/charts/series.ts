/** Curves of a job, made from its metrics. */
import type { MetricObject } from '#contracts/http/streams.js';

export type Points = (number | null)[];

export interface Curves {
  readonly steps: number[];
  readonly loss: Points;
  readonly validationLoss: Points;
  readonly accuracy: Points;
  readonly validationAccuracy: Points;
  readonly learningRate: Points;
  readonly gradientNorm: Points;
  readonly speed: Points;
}

/** One point a step; a step that was only evaluated has nulls for the rest. */
export function curvesOf(metrics: readonly MetricObject[]): Curves {
  const rows = new Map<number, { step?: MetricObject['values']; evaluation?: MetricObject['values'] }>();
  for (const { step, kind, values } of metrics) {
    if (kind !== 'samples') rows.set(step, { ...rows.get(step), [kind]: values });
  }
  const steps = [...rows.keys()].sort((a, b) => a - b);
  const pick = (kind: 'step' | 'evaluation', name: string): Points =>
    steps.map((step) => {
      const value = rows.get(step)?.[kind]?.[name];
      return typeof value === 'number' ? value : null;
    });
  return {
    steps,
    loss: pick('step', 'loss'),
    validationLoss: pick('evaluation', 'loss'),
    accuracy: pick('step', 'accuracy'),
    validationAccuracy: pick('evaluation', 'accuracy'),
    learningRate: pick('step', 'learning_rate'),
    gradientNorm: pick('step', 'grad_norm'),
    speed: pick('step', 'tokens_per_second'),
  };
}

/** Exponential mean with a weight from 0 (as it is) to below 1, corrected for its beginning. */
export function smooth(points: Points, weight: number): Points {
  if (weight === 0) return points;
  let mean = 0;
  let share = 1;
  return points.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    share *= weight;
    return mean / (1 - share);
  });
}

export function last(points: Points): number | null {
  return points.findLast((value) => value !== null) ?? null;
}
