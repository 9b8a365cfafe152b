/** How much memory a run will take, and how many layers must be recomputed for it to fit. */
import { freemem } from 'node:os';
import { LowrankError } from '#base/errors.js';
import type { MemoryPlan } from '#runtime/memory-plan.js';
import type { MemoryPrediction } from '#training/events.js';

/** Bytes that a process may take, and who says so. */
export interface MemoryLimit {
  readonly bytes: number;
  readonly source: string;
  /** Whether a person gave it: then it is kept to, and not only warned about. */
  readonly given: boolean;
}

/**
 * The limit to plan with: the one given, else what the control group allows or 90% of what is free, whichever is less.
 * `heldBytes` is what the process holds already, which counts as free for it.
 */
export function memoryLimit(written: number | 'auto', heldBytes: number): MemoryLimit {
  if (written !== 'auto') return { bytes: written, source: 'memory_limit_bytes', given: true };
  const constrained = process.constrainedMemory();
  const free = Math.floor(0.9 * (freemem() + heldBytes));
  return constrained > 0 && constrained < free
    ? { bytes: constrained, source: 'control group', given: false }
    : { bytes: free, source: '90% of free memory', given: false };
}

/** What is known before the compiled steps are loaded. */
export interface MemoryBase {
  /** What the process holds, and what ONNX Runtime adds to it without any model. */
  readonly baseBytes: number;
  /** Adapter, moments and accumulator. */
  readonly stateBytes: number;
  readonly limit: MemoryLimit;
}

/** What ONNX Runtime takes once for a process that trains: its threads, and its copy of what a graph says. */
export const runtimeBytes = 100_000_000;

/** Measured: pieces of ONNX Runtime's memory that are too small for what comes next. */
const fragmentation = 1.1;

/** The peak for graphs that are loaded together: weights are shared, working memory of each stays allocated. */
export function predictMemory(
  plans: readonly MemoryPlan[],
  { baseBytes, stateBytes, limit }: MemoryBase,
): MemoryPrediction {
  const sum = (part: keyof MemoryPlan) => plans.reduce((total, plan) => total + plan[part], 0);
  const weightBytes = Math.max(0, ...plans.map(({ weightBytes }) => weightBytes));
  const activationBytes = Math.round(fragmentation * sum('activationBytes'));
  const state = stateBytes + sum('boundaryBytes');
  return {
    base_bytes: baseBytes,
    weight_bytes: weightBytes,
    activation_bytes: activationBytes,
    state_bytes: state,
    peak_bytes: baseBytes + weightBytes + activationBytes + state,
    limit_bytes: limit.bytes,
    limit_source: limit.source,
  };
}

/** A number of layers to recompute, and what the run then takes. */
export interface RecomputeChoice {
  readonly layers: number;
  readonly prediction: MemoryPrediction;
}

/**
 * The least number of recomputed layers that fits the limit, or all if none does. Looks at few plans, since each may
 * have to be compiled: none, all, then bisection.
 */
export async function chooseRecompute(
  layers: number,
  limitBytes: number,
  predict: (recomputed: number) => Promise<MemoryPrediction>,
): Promise<RecomputeChoice> {
  const none = await predict(0);
  if (none.peak_bytes <= limitBytes) return { layers: 0, prediction: none };
  let best: RecomputeChoice = { layers, prediction: await predict(layers) };
  if (best.prediction.peak_bytes > limitBytes) return best;
  let tooFew = 0;
  while (best.layers - tooFew > 1) {
    const middle = Math.floor((tooFew + best.layers) / 2);
    const prediction = await predict(middle);
    if (prediction.peak_bytes <= limitBytes) best = { layers: middle, prediction };
    else tooFew = middle;
  }
  return best;
}

/** Bytes as people read them. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
}

/** What a prediction over the limit comes to: an error under a limit that was given, else a warning to show. */
export function judgePrediction(
  prediction: MemoryPrediction,
  limit: MemoryLimit,
  advice: string,
): string | undefined {
  if (prediction.peak_bytes <= limit.bytes) return undefined;
  const message =
    `the run will need about ${megabytes(prediction.peak_bytes)} ` +
    `(${megabytes(prediction.base_bytes)} program, ${megabytes(prediction.weight_bytes)} weights, ` +
    `${megabytes(prediction.activation_bytes)} intermediate results, ${megabytes(prediction.state_bytes)} state), ` +
    `the limit is ${megabytes(limit.bytes)} (${limit.source}): ${advice}`;
  if (!limit.given) return message;
  throw new LowrankError('out_of_memory_predicted', message, { details: { ...prediction } });
}
