/** Learning-rate schedules: a factor on the learning rate for every optimizer step. */

export const scheduleKinds = ['constant', 'linear', 'cosine'] as const;

export interface Schedule {
  readonly kind: (typeof scheduleKinds)[number];
  /** Steps over which the factor rises from 0 to 1. */
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** The factor of a step, counted from 0, as transformers' schedules give it. */
export function learningRateAt({ kind, warmupSteps, totalSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  switch (kind) {
    case 'constant':
      return 1;
    case 'linear':
      return Math.max(0, 1 - progress);
    case 'cosine':
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
  }
}
