/** A program that takes turns: it makes ready, and then runs one step for every message and says how long it took. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hashFiles, modelFileNames, modelIdentity } from '#hub/model-identity.js';
import { openBlockBase } from '#models/block-base.js';
import { openInt8Base } from '#models/int8-base.js';
import type { ModelFolder } from '#models/model-folder.js';
import type { QuantisedBaseOptions } from '#models/quantised-base.js';
import { lowerProgram } from '#runtime/compile.js';
import { encodeModel } from '#runtime/encode.js';
import { type NumericArray, zerosFor } from '#runtime/numeric-array.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';
import { Session } from '#runtime/session.js';
import { chooseInt8Weights } from '#training/base-precision/choose-int8.js';
import { largestError } from '#training/base-precision/int8-weights.js';
import { createStepPrograms } from '#training/step-programs.js';
import { predictMemory, runtimeBytes } from '#training/memory.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import { openTimedStep } from '#training/speed/timed-step.js';
import { openWorkUnit, type WorkUnit } from '#training/speed/work-unit.js';
import { bareModel } from './bare-products.js';
import type { BenchOptions } from './options.js';

const cacheFolder = join(homedir(), '.cache/lowrank-bench');

/** Where the random model is kept between runs. */
export const randomModelFolder = join(cacheFolder, 'smollm2-135m-shapes');

/** What a child says when it is ready. */
export interface Ready {
  readonly traceMs: number;
  readonly sessionMs: number;
  /** Peak as the memory plan of a training run predicts it, or 0. */
  readonly predictedBytes: number;
}

/** What a child says after a turn. */
export interface Turn {
  readonly ms: number;
  readonly peakBytes: number;
}

interface Prepared {
  readonly ready: Ready;
  readonly run: () => Promise<void>;
}

const fill = (value: OnnxValue): NumericArray => {
  const array = zerosFor({ shape: value.shape, dtype: value.type });
  return array instanceof Float32Array ? array.map((_, i) => ((i * 7) % 13) / 13 - 0.5) : array;
};

async function prepareBare(unit: WorkUnit, options: BenchOptions): Promise<Prepared> {
  const { program, spec } = createStepPrograms(unit.source).train;
  const model = bareModel(
    lowerProgram(program, spec, { device: 'cpu', recomputedSegments: 0 }).model,
    unit.rounds,
  );
  const weightFolder = unit.base.realFolders[0];
  const session = await Session.create(encodeModel(model), {
    device: 'cpu',
    threads: options.threads,
    spin: true,
    weightFolder,
  });
  const inputs = model.inputs.map((value) => ({ value, array: fill(value) }));
  const outputs = model.outputs.map((value) => ({ value, array: fill(value) }));
  return {
    ready: { traceMs: 0, sessionMs: 0, predictedBytes: 0 },
    run: () => session.run(inputs, outputs),
  };
}

const work = { onProgress: () => undefined, pause: () => Promise.resolve() };

async function cacheOf(base: ModelFolder, name: string): Promise<QuantisedBaseOptions> {
  const identity = modelIdentity(await hashFiles(base.folder, await modelFileNames(base.folder)));
  return { identity, folder: join(cacheFolder, name), ...work, onDamage: console.error };
}

/** The work unit over weights in int8, rounded by its own batch. */
async function inInt8(unit: WorkUnit, { threads }: BenchOptions): Promise<WorkUnit> {
  const { base, batch, parameters, source } = unit;
  const { weights } = await chooseInt8Weights({
    base,
    step: createStepPrograms(source).evaluate,
    data: tokenInputs(batch, source.shape, batch.lossCount),
    parameters,
    largestError,
    runner: { device: 'cpu', threads, spin: true, cacheFolder: undefined },
    scratchFolder: cacheFolder,
    ...work,
  });
  const { specs } = await openInt8Base(base, weights, await cacheOf(base, 'int8'));
  return { ...unit, source: { ...source, weights: specs } };
}

async function inInt4(unit: WorkUnit): Promise<WorkUnit> {
  const { specs } = await openBlockBase(unit.base, 4, await cacheOf(unit.base, 'int4'));
  return { ...unit, source: { ...unit.source, weights: specs } };
}

async function unitOf(kind: string, options: BenchOptions, folder: string): Promise<WorkUnit> {
  const unit = await openWorkUnit(folder, options);
  if (kind === 'int8') return inInt8(unit, options);
  return kind === 'int4' ? inInt4(unit) : unit;
}

async function prepareStep(unit: WorkUnit, options: BenchOptions): Promise<Prepared> {
  const recomputedSegments = options.recompute === 'all' ? unit.base.config.layers : options.recompute;
  const step = await openTimedStep(unit, { threads: options.threads, spin: true, recomputedSegments });
  const { peak_bytes: predictedBytes } = predictMemory([step.graph.plan], {
    baseBytes: step.bytesBefore + runtimeBytes,
    stateBytes: 3 * unit.parameters.byteLength,
    limit: { bytes: Infinity, source: 'none', given: false },
  });
  return { ready: { traceMs: step.traceMs, sessionMs: step.sessionMs, predictedBytes }, run: step.run };
}

if (process.send) {
  const [kind, folder, json] = process.argv.slice(2) as [string, string, string];
  const options = JSON.parse(json) as BenchOptions;
  const unit = await unitOf(kind, options, folder);
  const { ready, run } = await (kind === 'bare' ? prepareBare : prepareStep)(unit, options);
  await run();
  process.on('message', () => {
    void (async () => {
      const start = performance.now();
      await run();
      const turn: Turn = { ms: performance.now() - start, peakBytes: process.resourceUsage().maxRSS * 1024 };
      process.send?.(turn);
    })();
  });
  process.send(ready);
}
