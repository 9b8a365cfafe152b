/** Carries out optimizer steps and evaluations on a runner, whichever it is. */
import { setImmediate } from 'node:timers/promises';
import type { Batch } from '#data/batch.js';
import { streamKeys } from '#jit/random.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { Runner } from '#runtime/runner.js';
import { type AdamWOptions, adamWScalars } from '#training/adamw.js';
import type { TrainedVectors } from '#training/checkpoint.js';
import type { StepName } from '#training/step-programs.js';
import { stepInputs, type StepShape } from '#training/step-inputs.js';

export interface StepEngineOptions {
  readonly shape: StepShape;
  readonly optimizer: AdamWOptions;
  readonly seed: number;
  /** Names of the dropout streams; none = no dropout. */
  readonly dropoutSites: readonly string[];
}

/** Means over all targets of what was computed; the loss is in nats. */
export interface LossResult {
  readonly loss: number;
  readonly accuracy: number;
}

export interface StepResult extends LossResult {
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
    batches: readonly Batch[],
    { step, microStep, learningRate }: { step: number; microStep: number; learningRate: number },
    signal?: AbortSignal,
  ): Promise<StepResult> {
    const { optimizer, shape } = this.options;
    const scalars = { ...adamWScalars(optimizer, learningRate, step) };
    const lossCount = batches.reduce((sum, batch) => sum + batch.lossCount, 0);
    let loss = 0;
    let accuracy = 0;
    for (const [i, batch] of batches.entries()) {
      await setImmediate();
      signal?.throwIfAborted();
      const data = { ...stepInputs(batch, shape, lossCount), ...this.dropoutKeys(microStep + i) };
      const fused = batches.length === 1;
      const out = await this.runner.run(fused ? 'train' : 'accumulate', fused ? { data, scalars } : { data });
      loss += numberOf(out, 'loss');
      accuracy += numberOf(out, 'accuracy');
      if (fused) return { loss, accuracy, gradNorm: numberOf(out, 'gradNorm') };
    }
    const out = await this.runner.run('optimizerStep', { scalars });
    return { loss, accuracy, gradNorm: numberOf(out, 'gradNorm') };
  }

  /** The sums of loss and correct over the targets of a batch, with the adapter as it is. */
  async evaluate(batch: Batch, signal?: AbortSignal): Promise<LossResult> {
    await setImmediate();
    signal?.throwIfAborted();
    const data = stepInputs(batch, this.options.shape, batch.lossCount);
    const out = await this.runner.run('evaluate', { data });
    return {
      loss: numberOf(out, 'loss') * batch.lossCount,
      accuracy: numberOf(out, 'accuracy') * batch.lossCount,
    };
  }

  /** Copies of the trainable numbers and the moments. */
  readVectors(): TrainedVectors {
    return {
      parameters: this.runner.readState('parameters'),
      moment1: this.runner.readState('moment1'),
      moment2: this.runner.readState('moment2'),
    };
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
