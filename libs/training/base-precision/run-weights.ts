/** The frozen weights of a run in the precision that its options ask for. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { frozenWeights } from '#models/frozen-weights.js';
import type { BasePrecision } from '#training/base-precision/declared.js';
import { int4Weights } from '#training/base-precision/int4-weights.js';
import { int8Weights } from '#training/base-precision/int8-weights.js';
import type { PrecisionWork, RunWeights } from '#training/base-precision/precision.js';
import type { TrainingEvent } from '#training/events.js';
import type { TrainingJob } from '#training/job.js';
import type { PreparedRun } from '#training/prepare-run.js';

const precisions: Readonly<Record<BasePrecision, (work: PrecisionWork) => Promise<RunWeights>>> = {
  'as-stored': async ({ run }) => ({ specs: frozenWeights(run.base.parameters) }),
  int8: int8Weights,
  int4: int4Weights,
};

/** The weights of a run. Throws the errors of `int8Weights` and `int4Weights`. */
export async function runWeights(
  job: TrainingJob,
  run: PreparedRun,
  onEvent: (event: TrainingEvent) => void,
  signal?: AbortSignal,
): Promise<RunWeights> {
  const pause = async () => {
    await setImmediate();
    signal?.throwIfAborted();
  };
  const cache: PrecisionWork['cache'] = (folder, onProgress) => ({
    identity: job.baseIdentity,
    folder: join(job.cacheFolder, folder),
    onProgress,
    pause,
    onDamage: (message) => onEvent({ type: 'warning', code: 'cache_damaged', message }),
  });
  return precisions[job.options.base_precision]({ job, run, onEvent, pause, cache });
}
