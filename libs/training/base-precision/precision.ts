/** What a precision of the base model is to a run. */
import type { WeightSpec } from '#jit/graph.js';
import type { Int8Weights } from '#models/int8-base.js';
import type { QuantisedBaseOptions } from '#models/quantised-base.js';
import type { TrainingEvent } from '#training/events.js';
import type { TrainingJob } from '#training/job.js';
import type { PreparedRun } from '#training/prepare-run.js';

export interface RunWeights {
  /** As step functions ask for them. */
  readonly specs: Readonly<Record<string, WeightSpec>>;
  /** Of the numbers in them; undefined for weights as they are stored. */
  readonly digest?: string;
  /** How matrices are rounded to int8, which checkpoints keep. */
  readonly int8?: Int8Weights;
}

type OnProgress = (done: number, total: number) => void;

/** What the weights of a run are made with. */
export interface PrecisionWork {
  readonly job: TrainingJob;
  readonly run: PreparedRun;
  readonly onEvent: (event: TrainingEvent) => void;
  /** Awaited now and then; may throw to stop. */
  readonly pause: () => Promise<void>;
  /** How a folder of the cache is used. */
  readonly cache: (folder: string, onProgress: OnProgress) => QuantisedBaseOptions;
}

/** Tells of one of several equal parts of the work. */
export function stageOf(
  { onEvent }: Pick<PrecisionWork, 'onEvent'>,
  part: number,
  parts: number,
): OnProgress {
  return (done, total) =>
    onEvent({ type: 'progress', stage: 'quantise', done: part * total + done, total: parts * total });
}
