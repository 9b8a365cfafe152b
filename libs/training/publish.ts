/** What a run leaves when it is done: the adapter and summary.json. */
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { unflattenModules } from '#adapters/flat-factors.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { LowrankError } from '#base/errors.js';
import type { LoraConfig } from '#lora/config.js';
import type { TargetModule } from '#lora/target-module.js';
import { openCheckpoint, readParameters } from '#training/checkpoint.js';
import type { TrainingEvent, TrainingSummary } from '#training/events.js';
import type { OutputFolder } from '#training/output-folder.js';
import type { RunProgress } from '#training/run-state.js';

export interface Publication {
  readonly output: OutputFolder;
  readonly onEvent: (event: TrainingEvent) => void;
  readonly config: LoraConfig;
  /** Of the base model. */
  readonly licence: string | null;
  /** See `AdapterContent`. */
  readonly classifier?: string | undefined;
  readonly start?: string | undefined;
  readonly modules: readonly TargetModule[];
  readonly progress: RunProgress;
  /** The adapter after the last step. */
  readonly parameters: Float32Array;
  /** Whether the best evaluated checkpoint is the result, where there is one. */
  readonly wantsBest: boolean;
  readonly seconds: number;
  readonly peakBytes: number;
  readonly predictedPeakBytes: number | null;
}

/**
 * Reads the best adapter; undefined, with a warning, if its checkpoint is damaged or was left on another machine. After a
 * whole run the last adapter is better than none.
 */
async function readBest({ output, modules, onEvent }: Publication, step: number) {
  const folder = output.checkpoints.folderOf(step);
  try {
    await openCheckpoint(folder);
    return await readParameters(folder, modules);
  } catch (error) {
    if (!(error instanceof LowrankError) || error.code !== 'checkpoint_corrupt') throw error;
    const message = `${error.message}; the adapter of the last step is the result in place of the best, step ${step}`;
    onEvent({ type: 'warning', code: error.code, message });
    return undefined;
  }
}

/** Writes the adapter in place of one that an interrupted run may have left, and the summary. */
export async function publish(publication: Publication): Promise<TrainingSummary> {
  const { output, config, licence, classifier, start, progress, wantsBest } = publication;
  const { best, step } = progress;
  const bestStep = wantsBest && best !== null && best.step !== step ? best.step : undefined;
  const bestParameters = bestStep === undefined ? undefined : await readBest(publication, bestStep);
  const result = bestParameters ?? publication.parameters;
  await rm(output.adapter, { recursive: true, force: true });
  const modules = unflattenModules(publication.modules, result);
  await writeAdapter(output.adapter, { config, licence, classifier, start, modules });
  const weights = await readFile(join(output.adapter, ADAPTER_FILES.weights));
  const summary: TrainingSummary = {
    steps: step,
    adapter_step: bestParameters ? bestStep! : step,
    adapter_folder: output.adapter,
    adapter_sha256: createHash('sha256').update(weights).digest('hex'),
    adapter_bytes: weights.length,
    first_evaluation: progress.first_evaluation,
    last_evaluation: progress.last_evaluation,
    best_evaluation: best,
    final_loss: progress.last_loss,
    trained_tokens: progress.trained_tokens,
    run_seconds: publication.seconds,
    peak_bytes: publication.peakBytes,
    predicted_peak_bytes: publication.predictedPeakBytes,
  };
  await output.writeSummary(summary);
  return summary;
}
