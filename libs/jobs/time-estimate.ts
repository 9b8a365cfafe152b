/** How long a job will take, judged by what earlier ones took, else by the speed of the machine, else by its operations. */
import type { MachineSpeed, SpeedPoint } from '#training/speed/speed-points.js';

/** The steps of an earlier job on the same base. */
export interface MeasuredSteps {
  /** Operations of one step. */
  readonly operations: number;
  readonly secondsPerStep: number;
}

export interface PlannedRun {
  readonly steps: number;
  /** Numbers that a position has between layers. */
  readonly width: number;
  /** Positions of a micro-batch. */
  readonly rows: number;
  readonly layers: number;
  /** How many times as fast its steps are as those of the base as stored. */
  readonly pace: number;
  /** Operations of one step. */
  readonly stepOperations: number;
  /** Operations of all evaluations together. */
  readonly evaluationOperations: number;
}

/** What is known of the processors that may take the job. */
export interface Processor {
  readonly cores: number;
  /** Null until it is measured. */
  readonly speed: MachineSpeed | null;
}

export interface TimeEstimate {
  readonly lowSeconds: number;
  readonly highSeconds: number;
  readonly basis: 'jobs' | 'machine' | 'operations';
  readonly jobs: number;
  readonly operations: number;
  readonly cores: number | null;
}

/** Reading the data, compiling the step, writing the adapter. */
const startSeconds = { low: 2, high: 20 };
/** The same without compiling, where it is known how long that takes. */
const startWithoutCompiling = 1.5;
const maxJobs = 5;
/** Equal jobs differ by so much: a machine has other things to do. */
const usualSpread = 1.25;
/** The further a job is from those that were measured, the less is known: the ratio of operations to this power. */
const distancePower = 0.25;
/** Models differ from those that were measured by so much. */
const machineSpread = 1.35;
/** Operations a second that a core does while it trains, from an old one under load to a new one alone. */
const coreSpeed = { low: 2e9, high: 40e9 };

/** Judges by the jobs whose steps are most alike; by the processor where there are none; null if that is null too. */
export function estimateTime(
  run: PlannedRun,
  measured: readonly MeasuredSteps[],
  processor: Processor | null,
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
  if (processor === null) return null;
  const { cores, speed } = processor;
  if (speed) {
    const compiling = run.layers * speed.compileSecondsPerLayer;
    const seconds = startWithoutCompiling + compiling + operations / (run.pace * speedAt(speed.points, run));
    return {
      lowSeconds: seconds / machineSpread,
      highSeconds: seconds * machineSpread,
      basis: 'machine',
      jobs: 0,
      operations,
      cores: null,
    };
  }
  return {
    lowSeconds: startSeconds.low + operations / (cores * coreSpeed.high * run.pace),
    highSeconds: startSeconds.high + operations / (cores * coreSpeed.low * run.pace),
    basis: 'operations',
    jobs: 0,
    operations,
    cores,
  };
}

/** Operations a second between the points that were measured, and at the nearest one beyond them; in logarithms. */
function speedAt(points: readonly SpeedPoint[], { width, rows }: Pick<PlannedRun, 'width' | 'rows'>): number {
  const measuredRows = [...new Set(points.map((point) => point.rows))];
  const speeds = measuredRows.map((at) => {
    const alike = points.filter((point) => point.rows === at);
    const speed = between(
      width,
      alike.map((point) => ({ x: point.width, y: point.operationsPerSecond })),
    );
    return { x: at, y: speed };
  });
  return between(rows, speeds);
}

/** y at x on the line through the neighbours of x, in logarithms of both. */
function between(x: number, points: readonly { readonly x: number; readonly y: number }[]): number {
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const next = sorted.findIndex((point) => point.x >= x);
  const [low, high] = [sorted[next - 1], sorted[next]];
  if (!low || !high) return (high ?? sorted.at(-1)!).y;
  const share = Math.log(x / low.x) / Math.log(high.x / low.x);
  return low.y ** (1 - share) * high.y ** share;
}
