/** Weights in int8, rounded by the first batch or as a checkpoint tells. */
import { join } from 'node:path';
import { availableParallelism } from 'node:os';
import { listed } from '#base/quote.js';
import { epochOrder } from '#data/shuffle.js';
import { type Int8Weights, openInt8Base } from '#models/int8-base.js';
import type { Device } from '#runtime/device.js';
import { chooseInt8Weights } from '#training/base-precision/choose-int8.js';
import { requireExactIntegers } from '#training/base-precision/integer-products.js';
import { type PrecisionWork, type RunWeights, stageOf } from '#training/base-precision/precision.js';
import { readInt8Weights } from '#training/base-precision/saved-int8.js';
import type { TrainingEvent } from '#training/events.js';
import type { TrainingJob } from '#training/job.js';
import { learningShape } from '#training/learning-model.js';
import { chooseChunkSize } from '#training/loss-chunk.js';
import { objectiveOf, settingOf } from '#training/objectives/registry.js';
import type { PreparedRun } from '#training/prepare-run.js';
import { createStepPrograms } from '#training/step-programs.js';

/** See `FirstBatch`. Matrices of SmolLM2 come out with 1 to 2%, and 6% at most. */
export const largestError = 0.1;

/** Tokens of the batch that decides how matrices are rounded: the first blocks in the order of training. */
const firstTokens = 512;

/**
 * A checkpoint tells how matrices are rounded, or else a first batch through the base model as it is stored decides; the
 * copies are made once and kept in the cache.
 *
 * Throws LowrankError `device_unsuitable` and the errors of `readInt8Weights` and `openInt8Base`.
 */
export async function int8Weights(work: PrecisionWork): Promise<RunWeights> {
  const { job, run, onEvent, pause, cache } = work;
  const { base, checkpoint } = run;
  const weights = checkpoint
    ? await readInt8Weights(checkpoint.folder)
    : await decide(job, run, { onProgress: stageOf(work, 0, 2), pause, onEvent });
  const opened = await openInt8Base(base, weights, cache('int8', stageOf(work, 1, 2)));
  return { ...opened, int8: weights };
}

interface Decision {
  readonly onProgress: (done: number, total: number) => void;
  readonly pause: () => Promise<void>;
  readonly onEvent: (event: TrainingEvent) => void;
}

async function decide(
  job: TrainingJob,
  { base, codec, adapter, saved, training, blockLength, vectors, frozen }: PreparedRun,
  { onEvent, ...work }: Decision,
): Promise<Int8Weights> {
  const { options, cacheFolder } = job;
  // Options refuse other devices.
  const device = options.device as Device;
  await requireExactIntegers(device);
  const objective = objectiveOf(options.method, settingOf(base, codec));
  const batch = Math.min(training.blockCount, Math.ceil(firstTokens / blockLength));
  const { vocabSize } = learningShape(base.tree, options.method, codec);
  const chunkSize = chooseChunkSize(batch * blockLength, batch * blockLength, vocabSize);
  const shape = { batch, length: blockLength, chunkSize };
  const { reference, evaluate } = createStepPrograms({
    base,
    modules: saved.trained,
    dropout: adapter.plan.config.lora_dropout,
    objective,
    shape,
    // Nothing is learned from this batch.
    optimizer: { beta1: 0, beta2: 0, epsilon: 1, weightDecay: 0, maxGradNorm: null },
    refersToAdapter: true,
  });
  const indices = [...epochOrder(options.seed, 0, training.blockCount)].slice(0, batch);
  const inputs = () => {
    if (objective.reference) return objective.reference.inputs(training, indices, shape);
    const first = objective.readBatch(training, indices, shape);
    return first.inputs(first.count);
  };
  const { weights, errors } = await chooseInt8Weights({
    base,
    step: reference ?? evaluate,
    data: { ...inputs(), ...(frozen.length > 0 ? { frozen } : {}) },
    parameters: vectors.parameters,
    largestError,
    runner: {
      device,
      threads: options.threads === 'auto' ? availableParallelism() : options.threads,
      spin: job.exclusive,
      cacheFolder: undefined,
    },
    scratchFolder: join(cacheFolder, 'weights'),
    ...work,
  });
  const left = [...errors].filter(([name]) => !weights.has(name));
  if (left.length > 0) {
    const names = left.map(([name, error]) => `${name} (${(100 * error).toFixed(1)}%)`);
    onEvent({
      type: 'warning',
      code: 'left_as_stored',
      message: `base_precision int8: these matrices stay as they are stored, since rounding would change what they yield by more than ${100 * largestError}%: ${listed(names, 10)}`,
    });
  }
  return weights;
}
