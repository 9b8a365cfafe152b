/** From a training job to an adapter. */
import { readsImages } from '#data/input-codec.js';
import { cpus } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { classifierConfig } from '#adapters/adapter-classes.js';
import { runWeights } from '#training/base-precision/run-weights.js';
import { adapterLayout, dropoutSiteNames } from '#lora/adapter-layout.js';
import type { LoraConfig } from '#lora/config.js';
import { readModelOrigin } from '#models/model-origin.js';
import type { TrainedVectors } from '#training/checkpoint.js';
import type { TrainingEvent, TrainingSummary } from '#training/events.js';
import { completeJob, type TrainingJob, type TrainingJobInput } from '#training/job.js';
import { MemoryMeter } from '#training/memory-meter.js';
import { type LogRecord, MetricsLog } from '#training/metrics-log.js';
import { eagerBackend, openStepRunner } from '#training/open-runner.js';
import { OutputFolder } from '#training/output-folder.js';
import { planRun, type RunPlan } from '#training/plan-run.js';
import { type PreparedRun, prepareRun } from '#training/prepare-run.js';
import { publish } from '#training/publish.js';
import { openRunData } from '#training/run-data.js';
import {
  type CheckpointState,
  type MachineFacts,
  type RunProgress,
  startOfRun,
} from '#training/run-state.js';
import type { OpenSampleWriter, SampleWriter } from '#training/samples.js';
import { StepEngine } from '#training/step-engine.js';
import { TrainingLoop } from '#training/training-loop.js';

/** What a run tells and asks its caller. */
export interface TrainingHooks {
  readonly onEvent: (event: TrainingEvent) => void;
  /** Makes sample answers possible; without it none are written. */
  readonly openSampleWriter?: OpenSampleWriter;
  /** Whether a checkpoint was asked for since the last call. */
  readonly takeCheckpointRequest?: () => boolean;
}

/** How a run ended; what failed is thrown. */
export type TrainingResult =
  { readonly status: 'finished'; readonly summary: TrainingSummary } | { readonly status: 'cancelled' };

/**
 * Trains an adapter: reads the model and the data, takes the steps, and leaves in the output folder `adapter/`,
 * `checkpoints/`, metrics.jsonl, samples.jsonl, job.json and summary.json. Nothing else is written but the caches.
 *
 * A run that is resumed gives the bits of one that was never stopped, on a machine of the same kind. When the signal is
 * aborted the run stops between two micro-batches; a `CancelRequest` as its reason says whether a checkpoint is kept.
 * Throws typed errors: those of `prepareRun`, `planRun` and `TrainingLoop.run`, and `output_not_empty`.
 */
export async function trainAdapter(
  input: TrainingJobInput,
  hooks: TrainingHooks,
  signal?: AbortSignal,
): Promise<TrainingResult> {
  const job = completeJob(input);
  const output = new OutputFolder(job.outputFolder);
  await output.open(job.resume);
  try {
    const summary = await carryOut(job, output, hooks, signal);
    return { status: 'finished', summary };
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return { status: 'cancelled' };
    throw error;
  }
}

async function carryOut(
  job: TrainingJob,
  output: OutputFolder,
  hooks: TrainingHooks,
  signal: AbortSignal | undefined,
): Promise<TrainingSummary> {
  const { options } = job;
  const { onEvent } = hooks;
  const resources: { close: () => void | Promise<void> }[] = [];
  const held = <T extends { close: () => void | Promise<void> }>(resource: T): T => {
    resources.push(resource);
    return resource;
  };
  try {
    const run = await prepareRun(job, output, { onEvent, now: new Date() }, signal);
    held(run.training);
    if (run.validation) held(run.validation);
    signal?.throwIfAborted();
    const weights = await runWeights(job, run, onEvent, signal);
    const plan = await planRun(job, run, weights, onEvent);
    await setImmediate();
    signal?.throwIfAborted();
    const machine = machineFacts(job, plan);
    warnOfOtherMachine(run, machine, onEvent);
    if (!run.record) await output.writeRecord(plan.record);
    const progress = run.checkpoint?.state.progress ?? startOfRun;
    const isSampled = ({ step }: LogRecord) => (step as number) <= progress.sampled_step;
    const metrics = held(await MetricsLog.open(output.metrics, (line) => isDone(line, progress)));
    const samplesLog = held(await MetricsLog.open(output.samples, isSampled));
    const backend = await eagerBackend(job);
    const data = held(await openRunData(job, run, plan, backend, onEvent, signal));
    const { training, validation, identity } = data;
    const engine = new StepEngine(held(openStepRunner(job, run, plan, backend)), {
      objective: plan.source.objective,
      optimizer: plan.source.optimizer,
      rates: plan.rates,
      seed: options.seed,
      dropoutSites: plan.source.dropout > 0 ? dropoutSiteNames(plan.source.modules) : [],
      frozen: run.frozen,
    });
    const meter = new MemoryMeter(plan.memory?.weight_bytes ?? 0);
    const sampleWriter = await openSamples(job, run, plan, backend, hooks);
    if (sampleWriter) held(sampleWriter);
    onEvent({ type: 'progress', stage: 'load', done: 0, total: 1 });
    await engine.prepare(plan.steps);
    plan.graphs?.release();
    onEvent({
      type: 'started',
      step: progress.step,
      total_steps: plan.chosen.max_steps,
      resumed_from: run.checkpoint?.folder ?? null,
    });
    const { licence, revision } = await readModelOrigin(job.baseModel);
    const classifier = await classifierConfig(run.base);
    const { init_lora_weights: init } = run.adapter.plan.config;
    const start = job.initAdapter === null ? `init_lora_weights ${init}` : 'another adapter';
    const described = { licence, classifier, start };
    const config: LoraConfig = {
      ...run.saved.config,
      base_model_name_or_path: job.baseModelName,
      revision: run.saved.config.revision ?? revision,
    };
    const { templateDate } = run;
    const { chosen } = plan;
    const { modules, trained } = run.saved;
    const packed = (parameters: Float32Array) => run.saved.pack({ parameters, frozen: run.frozen });
    const writeCheckpoint = async (progress: RunProgress, vectors: TrainedVectors): Promise<string> => {
      const state: CheckpointState = {
        format: 1,
        identity,
        chosen,
        template_date: templateDate,
        progress,
        metrics_step: progress.step,
        machine,
      };
      const kept = {
        ...vectors,
        parameters: packed(vectors.parameters),
        modules,
        trained,
        int8: weights.int8,
      };
      const folder = await output.checkpoints.write({ ...kept, ...described, config, state });
      await output.checkpoints.prune(options.keep_checkpoints, progress.best?.step);
      return folder;
    };
    const takeCheckpointRequest = hooks.takeCheckpointRequest ?? (() => false);
    const { objective, shape } = plan.source;
    const parts = {
      objective,
      shape,
      engine,
      training,
      validation,
      options,
      chosen,
      metrics,
      samplesLog,
      sampleWriter,
      meter,
    };
    const loop = new TrainingLoop({ ...parts, writeCheckpoint, onEvent, takeCheckpointRequest }, progress);
    const end = await loop.run(signal);
    return await publish({
      output,
      onEvent,
      ...described,
      config,
      modules,
      progress: end,
      parameters: packed(engine.readVectors().parameters),
      wantsBest: chosen.load_best_model_at_end,
      seconds: process.uptime(),
      peakBytes: meter.peakBytes,
      predictedPeakBytes: plan.memory?.peak_bytes ?? null,
    });
  } finally {
    for (const resource of resources.reverse()) await resource.close();
  }
}

/** Whether a line of the metrics tells of what the checkpoint holds already. */
function isDone({ type, step }: LogRecord, progress: RunProgress): boolean {
  return (step as number) <= (type === 'evaluation' ? progress.evaluated_step : progress.step);
}

async function openSamples(
  job: TrainingJob,
  run: PreparedRun,
  { chosen }: RunPlan,
  backend: string | undefined,
  { onEvent, openSampleWriter }: TrainingHooks,
): Promise<SampleWriter | undefined> {
  const { options } = job;
  if (options.sample_prompts.length === 0) return undefined;
  const { codec } = run;
  if (!openSampleWriter || readsImages(codec)) {
    onEvent({ type: 'warning', code: 'no_samples', message: 'this program writes no sample answers' });
    return undefined;
  }
  const { saved, frozen } = run;
  const writer = await openSampleWriter({
    ...codec,
    base: run.base,
    modules: saved.modules,
    layout: adapterLayout(saved.modules),
    device: options.device,
    backend,
    threads: chosen.threads,
    seed: options.seed,
    maxTokens: options.sample_max_tokens,
    temperature: options.sample_temperature,
    cacheFolder: job.cacheFolder,
  });
  return {
    write: (prompts, parameters, signal) => writer.write(prompts, saved.pack({ parameters, frozen }), signal),
    close: () => writer.close(),
  };
}

function machineFacts(job: TrainingJob, { chosen }: RunPlan): MachineFacts {
  return {
    device: job.options.device,
    threads: chosen.threads,
    cpu: cpus()[0]?.model ?? 'unknown',
    arch: process.arch,
  };
}

function warnOfOtherMachine(
  { checkpoint }: PreparedRun,
  now: MachineFacts,
  onEvent: (event: TrainingEvent) => void,
): void {
  const then = checkpoint?.state.machine;
  if (!then || (then.cpu === now.cpu && then.arch === now.arch)) return;
  onEvent({
    type: 'warning',
    code: 'other_machine',
    message: `the checkpoint was written on ${then.cpu} (${then.arch}), this is ${now.cpu} (${now.arch}): the last bits of the result may differ`,
  });
}
