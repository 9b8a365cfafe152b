/** Decides how each matrix of a base model is rounded to int8, from a batch that goes through the model as it is. */
import { type ProductInput, recordInputs } from '#jit/passes/record-inputs.js';
import type { Int8Weight, Int8Weights } from '#models/int8-base.js';
import { readParameter } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { type CompileOptions, compileGraph, traceSimplified } from '#runtime/compile.js';
import { CompiledRunner, type CompiledRunnerOptions } from '#runtime/compiled-runner.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import {
  type MatrixSide,
  outerScales,
  productError,
  raiseLargestWeights,
  smoothingFactors,
} from '#runtime/weight-schemes/int8-codes.js';
import type { StepProgram } from '#training/step-programs.js';

export interface FirstBatch {
  readonly base: ModelFolder;
  /** A step that only goes forward. */
  readonly step: StepProgram;
  readonly data: Readonly<Record<string, NumericArray>>;
  readonly parameters: Float32Array;
  /**
   * A matrix whose product, over some rows and columns of the batch, comes out with an error above this share of its root
   * mean square stays as it is stored.
   */
  readonly largestError: number;
  readonly runner: CompiledRunnerOptions;
  /** Where weights of several folders are linked together. */
  readonly scratchFolder: string;
  readonly onProgress: (done: number, total: number) => void;
  /** Awaited now and then; may throw to stop. */
  readonly pause: () => Promise<void>;
}

export interface Int8Decision {
  readonly weights: Int8Weights;
  /** Errors of the products of all matrices that were looked at, by name. */
  readonly errors: ReadonlyMap<string, number>;
}

/** How every matrix that activations are multiplied by is rounded; those that lose too much are left out. */
export async function chooseInt8Weights(batch: FirstBatch): Promise<Int8Decision> {
  const { base, largestError, onProgress, pause } = batch;
  const { inputs, readOtherwise, results } = await recordFirstBatch(batch);
  const uses = new Map<string, number>();
  for (const { weights } of inputs) for (const { name } of weights) uses.set(name, (uses.get(name) ?? 0) + 1);
  const weights = new Map<string, Int8Weight>();
  const errors = new Map<string, number>();
  let done = 0;
  for (const input of inputs) {
    await pause();
    onProgress(done++, inputs.length);
    // A matrix that several layers share has no one input.
    const own = input.weights.filter(
      ({ name, transposed }) => uses.get(name) === 1 && transposed === input.weights[0]!.transposed,
    );
    const matrices = await Promise.all(
      own.map(async ({ name, transposed }) => {
        const parameter = base.parameters.get(name)!;
        const side: MatrixSide = { shape: parameter.shape as [number, number], transposed };
        return { name, side, numbers: await readParameter(parameter) };
      }),
    );
    const largestWeights = new Float32Array(input.size);
    for (const { numbers, side } of matrices) raiseLargestWeights(largestWeights, numbers, side);
    const smoothing = smoothingFactors(largestOf(input, results), largestWeights);
    const rows = results[input.outputs.rows] as Float32Array;
    for (const { name, side, numbers } of matrices) {
      const error = productError(rows, numbers, side, outerScales(numbers, side, smoothing), smoothing);
      errors.set(name, error);
      if (!(error <= largestError)) continue;
      const { transposed } = side;
      // Gradients by logits nearly cancel and would be lost in rounding: what is in a loop, the head, has no copy for them.
      const backward = !input.isLooped;
      weights.set(name, {
        transposed,
        smoothing,
        backward,
        original: input.isLooped || readOtherwise.has(name),
      });
    }
  }
  onProgress(inputs.length, inputs.length);
  return { weights, errors };
}

async function recordFirstBatch({ step, data, parameters, runner: options, scratchFolder }: FirstBatch) {
  const { graph, inputs, readOtherwise } = recordInputs(traceSimplified(step.program, step.spec));
  const compileOptions: CompileOptions = { device: options.device, recomputedSegments: 0 };
  const runner = new CompiledRunner(
    { first: { key: 'first', compile: () => compileGraph(graph, compileOptions, scratchFolder) } },
    { parameters },
    { ...options, cacheFolder: undefined },
  );
  try {
    return { inputs, readOtherwise, results: await runner.run('first', { data }) };
  } finally {
    await runner.close();
  }
}

/** The largest absolute number of each column, over all rounds of a loop. */
function largestOf(
  { size, outputs }: ProductInput,
  results: Readonly<Record<string, NumericArray>>,
): Float32Array {
  const all = results[outputs.largest] as Float32Array;
  const largest = new Float32Array(size);
  all.forEach((value, i) => {
    if (value > largest[i % size]!) largest[i % size] = value;
  });
  return largest;
}
