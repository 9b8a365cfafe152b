/** The compiled step of a work unit, to be run again and again. */
import { compileProgram } from '#runtime/compile.js';
import { cachedGraph } from '#runtime/graph-cache.js';
import { type NumericArray, zerosFor } from '#runtime/numeric-array.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';
import { Session } from '#runtime/session.js';
import { adamWScalars } from '#training/adamw.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import type { WorkUnit } from '#training/speed/work-unit.js';
import { createStepPrograms } from '#training/step-programs.js';

const learningRate = 1e-3;

export interface TimedStepOptions {
  readonly threads: number;
  /** Whether idle threads wait busily. */
  readonly spin: boolean;
  /** Layers that are recomputed in the backward pass. */
  readonly recomputedSegments: number;
}

/** Traces, compiles and opens the step on the processor; the caller closes it. */
export async function openTimedStep(unit: WorkUnit, { threads, spin, recomputedSegments }: TimedStepOptions) {
  const start = performance.now();
  const { program, spec } = createStepPrograms(unit.source).train;
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments });
  const { graph } = await cachedGraph(undefined, undefined, compile);
  const traced = performance.now();
  const bytesBefore = process.memoryUsage.rss();
  const { weightFolder } = graph;
  const session = await Session.create(graph.bytes, { device: 'cpu', threads, spin, weightFolder });
  const sessionMs = performance.now() - traced;
  const zeros = ({ shape, type }: OnnxValue) => zerosFor({ shape, dtype: type });
  const state: Record<string, NumericArray> = {
    parameters: unit.parameters,
    moment1: new Float32Array(unit.parameters.length),
    moment2: new Float32Array(unit.parameters.length),
  };
  const data = tokenInputs(unit.batch, unit.source.shape, unit.batch.lossCount);
  let step = 0;
  const run = async () => {
    const scalars = adamWScalars(unit.source.optimizer, learningRate, ++step) as unknown as Record<
      string,
      number
    >;
    const inputs = graph.inputs.map((value) => ({
      value,
      array: state[value.name] ?? data[value.name] ?? Float32Array.of(scalars[value.name]!),
    }));
    const results = Object.values(graph.outputs).map((value) => ({ value, array: zeros(value) }));
    const next = Object.entries(graph.nextState).map(([name, value]) => ({
      name,
      value,
      array: zeros(value),
    }));
    await session.run(inputs, [...results, ...next]);
    for (const { name, array } of next) state[name] = array;
  };
  return { graph, bytesBefore, traceMs: traced - start, sessionMs, run, close: () => session.release() };
}
