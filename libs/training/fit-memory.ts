/** Chooses the micro-batch and the recomputed layers so that a run fits its memory. */
import type { CompiledGraph } from '#runtime/compile.js';
import type { ChoiceBook } from '#training/auto-options.js';
import type { MemoryPrediction } from '#training/events.js';
import {
  chooseRecompute,
  judgePrediction,
  type MemoryLimit,
  megabytes,
  predictMemory,
  type RecomputeChoice,
  runtimeBytes,
} from '#training/memory.js';
import type { TrainingOptions } from '#training/options.js';
import type { StepName } from '#training/step-programs.js';

/** Compiled steps by the recomputed layers, for one size of micro-batch. */
export interface GraphSource {
  graph(name: StepName, recompute: number): Promise<CompiledGraph>;
}

export interface FitInput<G extends GraphSource> {
  readonly options: TrainingOptions;
  readonly book: ChoiceBook;
  /** Layers of the model. */
  readonly layers: number;
  readonly steps: readonly StepName[];
  /** Blocks in a micro-batch as chosen for speed or written. */
  readonly batchSize: number;
  readonly graphsFor: (batchSize: number) => G;
  /** Adapter, moments and accumulator. */
  readonly stateBytes: number;
  readonly limit: MemoryLimit;
  /** What the process holds at the time of the call. */
  readonly heldBytes: () => number;
}

export interface Fit<G extends GraphSource> {
  readonly batchSize: number;
  /** Recomputed layers. */
  readonly recompute: number;
  readonly graphs: G;
  readonly prediction: MemoryPrediction;
  /** Says so if the run does not fit a limit that was found. */
  readonly warning: string | undefined;
}

/**
 * Finds the largest micro-batch up to the given one, and for it the fewest recomputed layers, that fit the limit. What
 * was written in the options is kept; throws LowrankError `out_of_memory_predicted` if a limit that was given cannot be
 * met so.
 */
export async function fitMemory<G extends GraphSource>(input: FitInput<G>): Promise<Fit<G>> {
  const { options, book, layers, limit } = input;
  let batchSize = input.batchSize;
  let fit = await fitBatch(input, batchSize);
  while (options.batch_size === 'auto' && batchSize > 1 && !fits(fit, limit)) {
    batchSize = Math.floor(batchSize / 2);
    fit = await fitBatch(input, batchSize);
    book.amend('batch_size', batchSize, `larger micro-batches need more than ${megabytes(limit.bytes)}`);
  }
  const { layers: recompute, prediction, graphs } = fit;
  const peak = megabytes(prediction.peak_bytes);
  book.pick('recompute', () => ({
    value: recompute,
    reason:
      recompute === 0
        ? `about ${peak} are needed of ${megabytes(limit.bytes)} (${limit.source})`
        : `with ${recompute} of ${layers} layers computed twice about ${peak} are needed of ${megabytes(limit.bytes)} (${limit.source})`,
  }));
  const warning = judgePrediction(prediction, limit, adviceFor(options, recompute, layers));
  return { batchSize, recompute, graphs, prediction, warning };
}

function fits({ prediction }: RecomputeChoice, limit: MemoryLimit): boolean {
  return prediction.peak_bytes <= limit.bytes;
}

async function fitBatch<G extends GraphSource>(
  { options, layers, steps, graphsFor, stateBytes, limit, heldBytes }: FitInput<G>,
  batchSize: number,
): Promise<RecomputeChoice & { graphs: G }> {
  const graphs = graphsFor(batchSize);
  const predict = async (recompute: number) => {
    const plans = [];
    for (const name of steps) plans.push((await graphs.graph(name, recompute)).plan);
    return predictMemory(plans, { baseBytes: heldBytes() + runtimeBytes, stateBytes, limit });
  };
  const written = recomputedLayers(options.recompute, layers);
  const choice =
    written === undefined
      ? await chooseRecompute(layers, limit.bytes, predict)
      : { layers: written, prediction: await predict(written) };
  return { ...choice, graphs };
}

/** The number of recomputed layers that an option means, undefined for 'auto'. */
export function recomputedLayers(written: TrainingOptions['recompute'], layers: number): number | undefined {
  if (written === 'auto') return undefined;
  if (typeof written === 'boolean') return written ? layers : 0;
  return Math.min(written, layers);
}

function adviceFor(options: TrainingOptions, recompute: number, layers: number): string {
  const ways = [
    ...(recompute < layers ? ['set recompute to true'] : []),
    ...(options.batch_size === 'auto' || options.batch_size === 1 ? [] : ['lower batch_size']),
    'lower block_length',
    'choose a smaller base model',
    'raise memory_limit_bytes if the machine has more',
  ];
  return ways.join(', or ');
}
