/** Decides how a prepared run is carried out: every value that was left to the program, the steps, the memory. */
import { wholeWeightsOf } from '#lora/target-module.js';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { isEagerDevice } from '#runtime/device.js';
import type { FlatLayout } from '#nn/flat-state.js';
import type { RunWeights } from '#training/base-precision/precision.js';
import type { AdamWOptions, GroupRate } from '#training/adamw.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import type { MemoryPrediction, TrainingEvent } from '#training/events.js';
import { fitMemory } from '#training/fit-memory.js';
import type { TrainingJob } from '#training/job.js';
import { learningShape } from '#training/learning-model.js';
import { loraPlusRates, loraPlusSegments } from '#training/loraplus.js';
import { chooseChunkSize } from '#training/loss-chunk.js';
import { memoryLimit } from '#training/memory.js';
import type { TrainingOptions } from '#training/options.js';
import type { RunRecord } from '#training/output-folder.js';
import { planBatch, planSteps } from '#training/plan-options.js';
import type { PreparedRun } from '#training/prepare-run.js';
import { objectiveOf, settingOf } from '#training/objectives/registry.js';
import { StepGraphs } from '#training/step-graphs.js';
import { type StepName, type StepSource, stepsOf } from '#training/step-programs.js';

export interface RunPlan {
  readonly chosen: ChosenOptions;
  readonly source: StepSource;
  readonly weights: RunWeights;
  /** Learning rates of groups of parameters; undefined where all have one. */
  readonly rates: Readonly<Record<string, GroupRate>> | undefined;
  /** The steps that are used, in the order in which they are needed. */
  readonly steps: readonly StepName[];
  /** Undefined where TensorFlow.js itself runs the steps. */
  readonly graphs: StepGraphs | undefined;
  readonly memory: MemoryPrediction | null;
  readonly record: RunRecord;
}

/** AdamW's options under the names of the step functions. */
function optimizerOptions(options: TrainingOptions, layout: FlatLayout): AdamWOptions {
  return {
    ...(options.loraplus_lr_ratio === null ? {} : { segments: loraPlusSegments(layout) }),
    beta1: options.adam_beta1,
    beta2: options.adam_beta2,
    epsilon: options.adam_epsilon,
    weightDecay: options.weight_decay,
    maxGradNorm: options.max_grad_norm,
  };
}

/** PEFT's learning rate for factors on embeddings under LoRA+. */
const embeddingRate = 1e-6;

function groupRates(options: TrainingOptions, learningRate: number): RunPlan['rates'] {
  const { loraplus_lr_ratio: ratio, loraplus_lr_embedding: embedding, weight_decay: weightDecay } = options;
  if (ratio === null) return undefined;
  return loraPlusRates({ ratio, embeddingRate: embedding ?? embeddingRate, learningRate, weightDecay });
}

/**
 * Plans a run over the given frozen weights; the compiled steps are made or read on the way, since they tell what memory they need. A run that goes
 * on keeps what was chosen at its start.
 *
 * Throws LowrankError `out_of_memory_predicted`.
 */
export async function planRun(
  job: TrainingJob,
  run: PreparedRun,
  weights: RunWeights,
  onEvent: (event: TrainingEvent) => void,
): Promise<RunPlan> {
  const { options } = job;
  const { base, adapter, saved, frozen, layout, training, validation, book, blockLength } = run;
  const { vocabSize } = learningShape(base.tree, options.method, run.codec);
  const earlier = run.chosen;
  const facts = {
    hiddenSize: base.config.hiddenSize,
    blockLength,
    blocks: training.blockCount,
    validationBlocks: validation?.blockCount ?? 0,
  };
  const accumulation = options.gradient_accumulation_steps;
  const objective = objectiveOf(options.method, settingOf(base, run.codec));
  const sourceFor = (batchSize: number): StepSource => ({
    base,
    modules: saved.trained,
    dropout: adapter.plan.config.lora_dropout,
    objective,
    shape: {
      batch: batchSize,
      length: blockLength,
      chunkSize: chooseChunkSize(
        batchSize * blockLength,
        Math.ceil((batchSize * training.report.trainedTokens) / training.blockCount),
        vocabSize,
      ),
    },
    optimizer: optimizerOptions(options, layout),
    refersToAdapter: objective.reference?.from === 'start' && job.initAdapter !== null,
    weights: weights.specs,
  });
  const wanted = earlier?.batch_size ?? planBatch(book, options, facts);
  const steps = stepsOf(accumulation, validation !== undefined);
  const limit = memoryLimit(options.memory_limit_bytes, process.memoryUsage.rss());
  book.pick('memory_limit_bytes', () => ({ value: limit.bytes, reason: limit.source }));
  const threads = book.pick('threads', () => ({
    value: availableParallelism(),
    reason: 'what the machine has for this process',
  }));
  const { device } = options;
  const fit = isEagerDevice(device)
    ? undefined
    : await fitMemory({
        // What was chosen at the start of a run is kept, whatever memory is free now.
        options: earlier ? { ...options, batch_size: wanted, recompute: earlier.recompute } : options,
        book,
        layers: base.config.layers,
        steps,
        batchSize: wanted,
        graphsFor: (batchSize) =>
          new StepGraphs(sourceFor(batchSize), {
            device,
            cacheFolder: join(job.cacheFolder, 'graphs'),
            scratchFolder: join(job.cacheFolder, 'weights'),
            onCompile: (name) =>
              onEvent({
                type: 'progress',
                stage: 'compile',
                done: Math.max(0, steps.indexOf(name)),
                total: steps.length,
              }),
          }),
        // Of each vector two are held, since a step reads one and writes the other.
        stateBytes: 8 * layout.size * (accumulation === 1 ? 3 : 4) + 4 * frozen.length,
        limit,
        heldBytes: () => process.memoryUsage.rss(),
      });
  if (fit?.warning) onEvent({ type: 'warning', code: 'memory_over_limit', message: fit.warning });
  const batchSize = fit?.batchSize ?? wanted;
  const { stepsPerEpoch, validationBatches: _, ...schedule } = planSteps(book, options, facts, batchSize);
  const chosen: ChosenOptions = {
    ...(earlier ?? {
      ...schedule,
      batch_size: batchSize,
      block_length: blockLength,
      recompute: fit?.recompute ?? 0,
    }),
    memory_limit_bytes: limit.bytes,
    threads,
  };
  const record: RunRecord = {
    format: 1,
    base_model: job.baseModel,
    training_file: job.trainingFile,
    validation_file: job.validationFile,
    init_adapter: job.initAdapter,
    identity: run.identity,
    chosen,
    choices: [...(run.record?.choices ?? book.choices)],
    template_date: run.templateDate,
  };
  onEvent({
    type: 'plan',
    total_steps: chosen.max_steps,
    steps_per_epoch: stepsPerEpoch,
    trainable_parameters: adapter.plan.trainableParameters,
    adapter_bytes: adapter.plan.adapterBytes,
    modules: adapter.plan.modules.filter(({ r }) => r > 0).map(({ path, r, scale }) => ({ path, r, scale })),
    whole_weights: wholeWeightsOf(adapter.plan.modules).map(({ name, shape }) => ({
      name,
      shape: [...shape],
    })),
    rows: { training: training.report.examples, validation: validation?.report.examples ?? null },
    choices: record.choices,
    chosen,
    memory: fit?.prediction ?? null,
  });
  return {
    chosen,
    source: sourceFor(batchSize),
    weights,
    rates: groupRates(options, chosen.learning_rate),
    steps,
    graphs: fit?.graphs,
    memory: fit?.prediction ?? null,
    record,
  };
}
