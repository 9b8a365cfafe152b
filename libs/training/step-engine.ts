/** Carries out optimizer steps and evaluations on a runner, whichever it is. */
import { setImmediate } from 'node:timers/promises';
import { streamKeys } from '#jit/random.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { Runner } from '#runtime/runner.js';
import { type AdamWOptions, adamWScalars, type GroupRate, groupedScalars } from '#training/adamw.js';
import type { TrainedVectors } from '#training/checkpoint.js';
import type { Means, Objective, StepBatch, Tally } from '#training/objectives/objective.js';
import type { StepName } from '#training/step-programs.js';

export interface StepEngineOptions {
  readonly objective: Objective;
  readonly optimizer: AdamWOptions;
  /** Of the groups that the optimizer's segments name; none = one group. */
  readonly rates?: Readonly<Record<string, GroupRate>>;
  readonly seed: number;
  /** Names of the dropout streams; none = no dropout. */
  readonly dropoutSites: readonly string[];
  /** What is taken out of the base's weights, in one vector; none = nothing. */
  readonly frozen?: Float32Array;
}

export interface StepResult {
  /** The measures of the objective over the whole step. */
  readonly means: Means;
  /** Of the whole gradient before clipping. */
  readonly gradNorm: number;
}

export class StepEngine {
  constructor(
    private readonly runner: Runner,
    private readonly options: StepEngineOptions,
  ) {}

  /** Makes the steps ready. */
  async prepare(steps: readonly StepName[]): Promise<void> {
    for (const step of steps) await this.runner.prepare(step);
  }

  /**
   * One optimizer step over micro-batches. `step` counts from 1, `microStep` is the number of micro-batches before it.
   *
   * The event loop gets its turn before every micro-batch; the signal is looked at then, and throws its reason with
   * parameters and moments as they were.
   */
  async train(
    batches: readonly StepBatch[],
    { step, microStep, learningRate }: { step: number; microStep: number; learningRate: number },
    signal?: AbortSignal,
  ): Promise<StepResult> {
    const { optimizer, rates } = this.options;
    const scalars = rates
      ? groupedScalars(optimizer, learningRate, step, rates)
      : { ...adamWScalars(optimizer, learningRate, step) };
    const total = batches.reduce((sum, { count }) => sum + count, 0);
    const means = this.zeros();
    for (const [i, batch] of batches.entries()) {
      await setImmediate();
      signal?.throwIfAborted();
      const data = { ...batch.inputs(total), ...this.frozen, ...this.dropoutKeys(microStep + i) };
      const fused = batches.length === 1;
      const out = await this.runner.run(fused ? 'train' : 'accumulate', fused ? { data, scalars } : { data });
      for (const name in means) means[name]! += numberOf(out, name);
      if (fused) return { means, gradNorm: numberOf(out, 'gradNorm') };
    }
    const out = await this.runner.run('optimizerStep', { scalars });
    return { means, gradNorm: numberOf(out, 'gradNorm') };
  }

  /** Adds the measures of a batch to sums over what it counts, and the rest to the tally, with the adapter as it is. */
  async evaluate(
    batch: StepBatch,
    sums: Record<string, number>,
    tally?: Tally,
    signal?: AbortSignal,
  ): Promise<void> {
    await setImmediate();
    signal?.throwIfAborted();
    const data = { ...batch.inputs(batch.count), ...this.frozen };
    const out = await this.runner.run('evaluate', { data });
    for (const name in sums) sums[name]! += numberOf(out, name) * batch.count;
    tally?.add(out, data);
  }

  /** Nothing yet of every measure. */
  zeros(): Record<string, number> {
    return Object.fromEntries(this.options.objective.measures.map((name) => [name, 0]));
  }

  /** Copies of the trainable numbers and the moments. */
  readVectors(): TrainedVectors {
    return {
      parameters: this.runner.readState('parameters'),
      moment1: this.runner.readState('moment1'),
      moment2: this.runner.readState('moment2'),
    };
  }

  private get frozen(): Record<string, NumericArray> {
    const { frozen } = this.options;
    return frozen && frozen.length > 0 ? { frozen } : {};
  }

  private dropoutKeys(microStep: number): Record<string, NumericArray> {
    const { dropoutSites, seed } = this.options;
    if (dropoutSites.length === 0) return {};
    return { dropoutKeys: streamKeys(seed, microStep, dropoutSites) };
  }
}

function numberOf(results: Readonly<Record<string, NumericArray>>, name: string): number {
  return results[name]?.[0] ?? Number.NaN;
}
