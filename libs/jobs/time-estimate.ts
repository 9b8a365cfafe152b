/** How long a job will take, judged by what earlier ones took or else by the number of its operations. */

/** The steps of an earlier job on the same base. */
export interface MeasuredSteps {
  /** Operations of one step. */
  readonly operations: number;
  readonly secondsPerStep: number;
}

export interface PlannedRun {
  readonly steps: number;
  /** Operations of one step. */
  readonly stepOperations: number;
  /** Operations of all evaluations together. */
  readonly evaluationOperations: number;
}

export interface TimeEstimate {
  readonly lowSeconds: number;
  readonly highSeconds: number;
  readonly basis: 'jobs' | 'operations';
  readonly jobs: number;
  readonly operations: number;
  readonly cores: number | null;
}

/** Reading the data, compiling the step, writing the adapter. */
const startSeconds = { low: 2, high: 20 };
const maxJobs = 5;
/** Equal jobs differ by so much: a machine has other things to do. */
const usualSpread = 1.25;
/** The further a job is from those that were measured, the less is known: the ratio of operations to this power. */
const distancePower = 0.25;
/** Operations a second that a core does while it trains, from an old one under load to a new one alone. */
const coreSpeed = { low: 2e9, high: 40e9 };

/** Judges by the jobs whose steps are most alike; by `cores` where there are none; null if that is null too. */
export function estimateTime(
  run: PlannedRun,
  measured: readonly MeasuredSteps[],
  cores: number | null,
): TimeEstimate | null {
  const operations = run.steps * run.stepOperations + run.evaluationOperations;
  const distance = (steps: MeasuredSteps) => Math.abs(Math.log(steps.operations / run.stepOperations));
  const alike = measured.toSorted((a, b) => distance(a) - distance(b)).slice(0, maxJobs);
  if (alike.length > 0) {
    const guesses = alike.map((steps) => {
      const spread = usualSpread * Math.exp(distance(steps) * distancePower);
      const seconds = (operations / steps.operations) * steps.secondsPerStep;
      return { low: seconds / spread, high: seconds * spread };
    });
    return {
      lowSeconds: startSeconds.low + Math.min(...guesses.map(({ low }) => low)),
      highSeconds: startSeconds.high + Math.max(...guesses.map(({ high }) => high)),
      basis: 'jobs',
      jobs: alike.length,
      operations,
      cores: null,
    };
  }
  if (cores === null) return null;
  return {
    lowSeconds: startSeconds.low + operations / (cores * coreSpeed.high),
    highSeconds: startSeconds.high + operations / (cores * coreSpeed.low),
    basis: 'operations',
    jobs: 0,
    operations,
    cores,
  };
}
