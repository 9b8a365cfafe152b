/** Golden trainings: ten AdamW steps of PEFT, step by step, from the same adapter on the same batches. */
import { join } from 'node:path';
import { flattenModules, unflattenModules } from '#adapters/flat-factors.js';
import { mergedLayer } from '#adapters/merged-layer.js';
import { readAdapter } from '#adapters/read-adapter.js';
import type { Program } from '#jit/trace.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { createLoraModel, type LoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import { frozenWeights, readRows } from '#models/frozen-weights.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { splitFlat, viewOf } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { type AdamWOptions, adamWScalars, groupedScalars } from '#training/adamw.js';
import { loraPlusRates, loraPlusSegments } from '#training/loraplus.js';
import { learningRateAt, type Schedule } from '#training/schedule.js';
import { type StepPrograms, stepPrograms } from '#training/step-programs.js';
import { hasGatedDelta } from '../gated-delta.js';
import { absoluteError, gatedDeltaTolerances, relativeError, tolerances } from '../tolerances.js';
import { type GoldenBatch, type GoldenTask, goldenTask } from './lora-batches.js';
import {
  ErrorMeter,
  GoldenMismatch,
  type GoldenResult,
  type GoldenTensor,
  readJson,
  readTensors,
} from './golden-case.js';

interface LoraCase {
  readonly family: string;
  readonly accumulate: number;
  readonly clip_grad_norm: number | null;
  readonly optimizer: {
    lr: number;
    betas: [number, number];
    eps: number;
    weight_decay: number;
    loraplus_lr_ratio?: number;
  };
  readonly schedule: { kind: Schedule['kind']; total_steps: number; warmup_steps: number };
  readonly steps: readonly { loss: number; grad_norm: number }[];
}

/** What a training may differ by. */
interface Bounds {
  readonly loss: number;
  readonly gradients: number;
  readonly logits: number;
  readonly gradientNorm: (expected: number) => number;
}

function boundsOf({ tree }: ModelFolder): Bounds {
  if (!hasGatedDelta(tree)) return { ...tolerances, gradientNorm: () => tolerances.loss };
  return {
    ...gatedDeltaTolerances,
    gradientNorm: (expected) => gatedDeltaTolerances.gradientNorm * expected,
  };
}

/** Logits of a batch under the current adapter. */
function logitsProgram(model: LoraModel, task: GoldenTask): Program {
  return ({ data, weights, state }) => {
    model.streams.keys = undefined;
    const own = new Map(
      splitFlat(state['parameters']!, model.layout).map((part, i) => [model.layout.entries[i]!.name, part]),
    );
    model.model.bindParameters(({ name }) => own.get(name) ?? weights[name]!);
    return { outputs: { logits: task.logits(model.model, data) }, state: {} };
  };
}

function createRunner(
  base: ModelFolder,
  model: LoraModel,
  programs: StepPrograms,
  parameters: Float32Array,
  task: GoldenTask,
): CompiledRunner {
  const zeros = () => new Float32Array(parameters.length);
  const logits = {
    program: logitsProgram(model, task),
    spec: { ...programs.evaluate.spec, data: task.logitsSpec },
  };
  const all = { ...programs, logits };
  return new CompiledRunner(
    Object.fromEntries(
      Object.entries(all).map(([name, { program, spec }]) => [
        name,
        {
          key: name,
          compile: () =>
            compileProgram(program, spec, { device: 'cpu', recomputedSegments: base.config.layers }),
        },
      ]),
    ),
    { parameters, moment1: zeros(), moment2: zeros(), accumulator: zeros() },
    { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  );
}

/** The numbers of a target's tensor; PyTorch has one name more for what is a module of its own there. */
function goldenOf(tensors: ReadonlyMap<string, GoldenTensor>, key: string): GoldenTensor {
  const golden = tensors.get(key) ?? tensors.get(`${key}.weight`);
  if (!golden) throw new GoldenMismatch(`there is no ${key}`);
  return golden;
}

/** Compares a flat vector with tensors named as in an adapter's file. */
function checkFlat(
  meter: ErrorMeter,
  what: string,
  flat: Float32Array,
  modules: readonly TargetModule[],
  expected: ReadonlyMap<string, GoldenTensor>,
  error: typeof absoluteError,
  tolerance: number,
): void {
  const tensors = modules.flatMap((module) => module.tensors);
  for (const [i, entry] of adapterLayout(modules).entries.entries()) {
    const golden = goldenOf(expected, tensors[i]!.key);
    meter.record(`${what} ${entry.name}`, error(viewOf(flat, entry), golden.values), tolerance);
  }
}

async function checkMerged(
  meter: ErrorMeter,
  base: ModelFolder,
  model: LoraModel,
  flat: Float32Array,
  modules: readonly TargetModule[],
  golden: ReadonlyMap<string, GoldenTensor>,
): Promise<void> {
  const left = new Set([...golden.keys()].filter((name) => name.startsWith('merged.')));
  for (const { numbers, ...target } of unflattenModules(modules, flat)) {
    const update = { adapter: 'trained', target, weight: 1, readNumbers: () => Promise.resolve(numbers) };
    for (const [name, makeEdit] of mergedLayer(base, [update])) {
      const merged = golden.get(`merged.${name}`);
      if (!merged) throw new GoldenMismatch(`${name} is merged here and was not`);
      const parameter = base.parameters.get(name)!;
      const weight = await readRows(parameter, 0, parameter.shape[0]!);
      (await makeEdit())?.(weight, 0);
      // The factors may differ as trained weights do; the product of the difference is what is left here.
      meter.record(`merged ${name}`, absoluteError(weight, merged.values), tolerances.trainedWeights);
      left.delete(`merged.${name}`);
    }
  }
  if (left.size > 0) throw new GoldenMismatch(`${[...left].join(', ')} should have been merged`);
}

/** The flat vector of tensors named as in an adapter's file. */
function flatOf(modules: readonly TargetModule[], expected: ReadonlyMap<string, GoldenTensor>): Float32Array {
  const { entries, size } = adapterLayout(modules);
  const flat = new Float32Array(size);
  const tensors = modules.flatMap((module) => module.tensors);
  for (const [i, { offset }] of entries.entries())
    flat.set(goldenOf(expected, tensors[i]!.key).values, offset);
  return flat;
}

/** Compares the gradients of the first step, which PyTorch has clipped, and empties the accumulator again. */
async function checkFirstGradients(
  meter: ErrorMeter,
  runner: CompiledRunner,
  modules: readonly TargetModule[],
  batches: readonly GoldenBatch[],
  count: number,
  golden: LoraCase,
  folder: string,
  tolerance: number,
): Promise<void> {
  for (const batch of batches) await runner.run('accumulate', { data: batch.inputs(count) });
  const factor = Math.min(1, (golden.clip_grad_norm ?? Infinity) / (golden.steps[0]!.grad_norm + 1e-6));
  const clipped = runner.readState('accumulator').map((value) => value * factor);
  const expected = await readTensors(join(folder, 'first-step-gradients.safetensors'));
  checkFlat(meter, 'gradient of', clipped, modules, expected, relativeError, tolerance);
  runner.writeState('accumulator', new Float32Array(clipped.length));
}

function scalarsOf(
  { lr, loraplus_lr_ratio: ratio }: LoraCase['optimizer'],
  options: AdamWOptions,
  factor: number,
  step: number,
): Record<string, number> {
  if (ratio === undefined) return { ...adamWScalars(options, lr * factor, step) };
  const { weightDecay } = options;
  const rates = loraPlusRates({ ratio, embeddingRate: 1e-6, learningRate: lr, weightDecay });
  return groupedScalars(options, lr * factor, step, rates);
}

/** Runs a training's case. Throws UnsupportedError for an architecture or a LoRA option that is not done. */
export async function runLoraCase(folder: string, familiesFolder: string): Promise<GoldenResult> {
  const golden = readJson(folder, 'case.json') as LoraCase;
  const base = await openModelFolder(join(familiesFolder, golden.family));
  const start = await readAdapter(join(folder, 'init'), { model: base.tree });
  const modules = [...start.modules.values()];
  const model = createLoraModel(base.config, modules, 0);
  const batches = await readTensors(join(folder, 'batches.safetensors'));
  const task = goldenTask(base.tree, batches);
  const { objective, shape } = task;
  const { betas, eps, weight_decay: weightDecay } = golden.optimizer;
  const ratio = golden.optimizer.loraplus_lr_ratio;
  const options = {
    ...(ratio === undefined ? {} : { segments: loraPlusSegments(model.layout) }),
    beta1: betas[0],
    beta2: betas[1],
    epsilon: eps,
    weightDecay,
    maxGradNorm: golden.clip_grad_norm,
  };
  const programs = stepPrograms({ model, objective, shape }, frozenWeights(base.parameters), options);
  const runner = createRunner(base, model, programs, flattenModules(modules), task);
  const schedule = {
    kind: golden.schedule.kind,
    warmupSteps: golden.schedule.warmup_steps,
    totalSteps: golden.schedule.total_steps,
  };
  const meter = new ErrorMeter();
  const bounds = boundsOf(base);

  for (const [i, expected] of golden.steps.entries()) {
    const microBatches = Array.from({ length: golden.accumulate }, (_, j) => task.batch(i, j));
    const count = microBatches.reduce((sum, batch) => sum + batch.count, 0);
    const scalars = scalarsOf(golden.optimizer, options, learningRateAt(schedule, i), i + 1);
    if (i === 0) {
      const { gradients } = bounds;
      await checkFirstGradients(meter, runner, modules, microBatches, count, golden, folder, gradients);
    }
    let loss = 0;
    let norm: number;
    if (golden.accumulate === 1) {
      const out = await runner.run('train', { data: microBatches[0]!.inputs(count), scalars });
      loss = out['loss']![0]!;
      norm = out['gradNorm']![0]!;
    } else {
      for (const batch of microBatches) {
        loss += (await runner.run('accumulate', { data: batch.inputs(count) }))['loss']![0]!;
      }
      norm = (await runner.run('optimizerStep', { scalars }))['gradNorm']![0]!;
    }
    meter.record(`loss of step ${i}`, Math.abs(loss - expected.loss), bounds.loss);
    meter.record(
      `gradient norm of step ${i}`,
      Math.abs(norm - expected.grad_norm),
      bounds.gradientNorm(expected.grad_norm),
    );
  }

  const flat = runner.readState('parameters');
  const final = await readTensors(join(folder, 'final', 'adapter_model.safetensors'));
  checkFlat(meter, 'trained', flat, modules, final, absoluteError, tolerances.trainedWeights);
  const last = await readTensors(join(folder, 'expected.safetensors'));
  if (hasGatedDelta(base.tree)) runner.writeState('parameters', flatOf(modules, final));
  const { logitsInputs, counted } = task.batch(golden.steps.length - 1, golden.accumulate - 1);
  const { logits } = await runner.run('logits', { data: logitsInputs });
  meter.record(
    'logits after training',
    absoluteError(counted(logits!), counted(last.get('last.logits')!.values)),
    bounds.logits,
  );
  await checkMerged(meter, base, model, flat, modules, last);
  await runner.close();
  return meter.result;
}
