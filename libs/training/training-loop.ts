/** The loop of a run: steps, evaluations, sample answers and checkpoints, each at its step and in this order. */
import { setImmediate } from 'node:timers/promises';
import { BlockOrder } from '#data/shuffle.js';
import { LowrankError } from '#base/errors.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import { CancelRequest } from '#training/cancellation.js';
import type { TrainedVectors } from '#training/checkpoint.js';
import type { TrainingEvent } from '#training/events.js';
import type { EvaluationMetrics, StepMetrics } from '#training/metrics.js';
import type { MemoryMeter } from '#training/memory-meter.js';
import type { MetricsLog } from '#training/metrics-log.js';
import type { BlockSource, Means, Objective } from '#training/objectives/objective.js';
import type { TrainingOptions } from '#training/options.js';
import type { RunProgress } from '#training/run-state.js';
import type { SampleWriter } from '#training/samples.js';
import { learningRateAt } from '#training/schedule.js';
import type { StepEngine, StepResult } from '#training/step-engine.js';
import type { StepShape } from '#training/step-shape.js';

export interface LoopParts {
  readonly objective: Objective;
  readonly shape: StepShape;
  readonly engine: StepEngine;
  readonly training: BlockSource;
  readonly validation: BlockSource | undefined;
  readonly options: TrainingOptions;
  readonly chosen: ChosenOptions;
  readonly metrics: MetricsLog;
  readonly samplesLog: MetricsLog;
  readonly sampleWriter: SampleWriter | undefined;
  readonly meter: MemoryMeter;
  /** Writes a checkpoint and removes those that are no longer kept; yields its folder. */
  readonly writeCheckpoint: (progress: RunProgress, vectors: TrainedVectors) => Promise<string>;
  readonly onEvent: (event: TrainingEvent) => void;
  /** Whether a checkpoint was asked for since the last call. */
  readonly takeCheckpointRequest: () => boolean;
}

export class TrainingLoop {
  private readonly order: BlockOrder;
  private checkpointStep: number;
  /** Whether the last evaluation was the best and is in no checkpoint yet. */
  private hasNewBest = false;

  constructor(
    private readonly parts: LoopParts,
    private progress: RunProgress,
  ) {
    const { options, training } = parts;
    this.order = new BlockOrder(options.seed, training.blockCount, progress.cursor);
    this.checkpointStep = progress.step;
  }

  /**
   * Runs to the last step and returns how the run then stands.
   *
   * Throws LowrankError `loss_not_finite` or `gradient_not_finite` at the first step that is so, `disk_full`, and the
   * signal's reason; a CancelRequest that keeps a checkpoint finds one written.
   */
  async run(signal: AbortSignal | undefined): Promise<RunProgress> {
    try {
      await this.betweenSteps(signal);
      while (this.progress.step < this.parts.chosen.max_steps) {
        await this.step(signal);
        await this.betweenSteps(signal);
      }
      return this.progress;
    } catch (error) {
      if (error === signal?.reason && error instanceof CancelRequest && error.keepsCheckpoint) {
        await this.checkpoint();
      }
      throw error;
    }
  }

  private async betweenSteps(signal: AbortSignal | undefined): Promise<void> {
    const { chosen, validation, sampleWriter, meter, takeCheckpointRequest } = this.parts;
    const { step, evaluated_step, sampled_step } = this.progress;
    if (validation && evaluated_step < step && this.isDue(chosen.eval_steps)) {
      await this.evaluate(validation, signal);
    }
    if (sampleWriter && sampled_step < step && this.isDue(chosen.sample_steps)) {
      await this.writeSamples(sampleWriter, signal);
    }
    meter.sample();
    const wanted = takeCheckpointRequest();
    if (wanted || this.hasNewBest || (step > 0 && this.isDue(chosen.checkpoint_steps))) {
      await this.checkpoint();
    }
    await setImmediate();
    signal?.throwIfAborted();
  }

  /** The first and the last step are due in any case. */
  private isDue(interval: number | null): boolean {
    const { step } = this.progress;
    return step === 0 || step === this.parts.chosen.max_steps || (interval !== null && step % interval === 0);
  }

  private epochAfter(step: number): number {
    const { chosen, options, training } = this.parts;
    return (step * chosen.batch_size * options.gradient_accumulation_steps) / training.blockCount;
  }

  private async step(signal: AbortSignal | undefined): Promise<void> {
    const { engine, objective, shape, training, options, chosen, metrics, onEvent } = this.parts;
    const started = performance.now();
    const batches = Array.from({ length: options.gradient_accumulation_steps }, () =>
      objective.readBatch(training, this.order.next(chosen.batch_size), shape),
    );
    const step = this.progress.step + 1;
    const factor = learningRateAt(
      { kind: options.lr_scheduler_type, warmupSteps: chosen.warmup_steps, totalSteps: chosen.max_steps },
      step - 1,
    );
    const learningRate = chosen.learning_rate * factor;
    const microStep = this.progress.micro_step;
    const result = await engine.train(batches, { step, microStep, learningRate }, signal);
    requireFinite(step, result, learningRate, this.checkpointStep);
    const tokens = batches.reduce((sum, batch) => sum + batch.tokens, 0);
    const loss = result.means['loss']!;
    const record: StepMetrics = {
      step,
      epoch: this.epochAfter(step),
      loss,
      ...objective.stepMetrics(result.means),
      grad_norm: result.gradNorm,
      learning_rate: learningRate,
      tokens,
      loss_tokens: batches.reduce((sum, { targets }) => sum + targets, 0),
      tokens_per_second: tokens / ((performance.now() - started) / 1000),
    };
    this.progress = {
      ...this.progress,
      step,
      micro_step: microStep + batches.length,
      cursor: this.order.cursor,
      last_loss: loss,
      trained_tokens: this.progress.trained_tokens + tokens,
    };
    const line = { type: 'step', ...record } as const;
    await metrics.append(line);
    onEvent(line);
  }

  private async evaluate(store: BlockSource, signal: AbortSignal | undefined): Promise<void> {
    const { engine, objective, shape, chosen, metrics, onEvent } = this.parts;
    const { step } = this.progress;
    const sums = engine.zeros();
    const tally = objective.newTally?.();
    let [total, targets] = [0, 0];
    for (let first = 0; first < store.blockCount; first += chosen.batch_size) {
      onEvent({ type: 'progress', stage: 'evaluate', done: first, total: store.blockCount });
      const count = Math.min(chosen.batch_size, store.blockCount - first);
      const indices = Array.from({ length: count }, (_, i) => first + i);
      const batch = objective.readBatch(store, indices, shape);
      await engine.evaluate(batch, sums, tally, signal);
      total += batch.count;
      targets += batch.targets;
    }
    const means: Means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / total]));
    const loss = means['loss']!;
    if (!Number.isFinite(loss))
      throw notFinite('loss', step, loss, 'of the evaluation after', this.checkpointStep);
    const { best } = this.progress;
    const isBest = step > 0 && (best === null || loss < best.loss);
    const record: EvaluationMetrics = {
      step,
      epoch: this.epochAfter(step),
      loss,
      ...objective.evaluationMetrics(means),
      ...tally?.metrics(),
      loss_tokens: targets,
      best: isBest,
    };
    this.hasNewBest = isBest;
    this.progress = {
      ...this.progress,
      evaluated_step: step,
      best: isBest ? { step, loss } : best,
      first_evaluation: this.progress.first_evaluation ?? record,
      last_evaluation: record,
    };
    const line = { type: 'evaluation', ...record } as const;
    await metrics.append(line);
    onEvent(line);
  }

  private async writeSamples(writer: SampleWriter, signal: AbortSignal | undefined): Promise<void> {
    const { engine, options, samplesLog, onEvent } = this.parts;
    const { step } = this.progress;
    const samples = await writer.write(options.sample_prompts, engine.readVectors().parameters, signal);
    this.progress = { ...this.progress, sampled_step: step };
    const line = { type: 'samples' as const, step, samples };
    await samplesLog.append(line);
    onEvent(line);
  }

  private async checkpoint(): Promise<void> {
    const { engine, metrics, samplesLog, writeCheckpoint, onEvent } = this.parts;
    const { step, best } = this.progress;
    // What a checkpoint says is in the logs must be there after a power cut too.
    await metrics.sync();
    await samplesLog.sync();
    const folder = await writeCheckpoint(this.progress, engine.readVectors());
    this.checkpointStep = step;
    this.hasNewBest = false;
    onEvent({ type: 'checkpoint', step, folder, best: best?.step === step });
  }
}

function requireFinite(step: number, result: StepResult, learningRate: number, checkpoint: number): void {
  const { means, gradNorm } = result;
  const loss = means['loss']!;
  if (!Number.isFinite(loss)) throw notFinite('loss', step, loss, 'of', checkpoint);
  if (Number.isFinite(gradNorm)) return;
  throw notFinite('gradient', step, gradNorm, `with learning rate ${learningRate}, of`, checkpoint);
}

function notFinite(
  what: 'loss' | 'gradient',
  step: number,
  value: number,
  of: string,
  checkpoint: number,
): LowrankError {
  if (what === 'loss' && step <= (of === 'of' ? 1 : 0)) {
    return new LowrankError(
      'loss_not_finite',
      `the loss is ${value} before anything was learned: the weights of the base model, or of init_adapter, hold numbers ` +
        'that are not finite. Download the model again, or use another',
      { details: { step, value: String(value), checkpoint } },
    );
  }
  const kept =
    checkpoint > 0 ? `the checkpoint of step ${checkpoint} is sound` : 'there is no checkpoint yet';
  return new LowrankError(
    `${what}_not_finite`,
    `the ${what} ${of} step ${step} is ${value}: training has diverged, ${kept}. ` +
      'Lower learning_rate, raise warmup_steps, or look for broken rows in the data',
    { details: { step, value: String(value), checkpoint } },
  );
}
