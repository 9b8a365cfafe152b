/** One layer with golden numbers: what it gives, and the gradients of sum(y * g) by its trained tensors. */
import { valueAndGrads } from '#jit/differentiate.js';
import { mul, sum, type Tensor } from '#jit/ops.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import type { Module, Parameter } from '#nn/module.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { Runner } from '#runtime/runner.js';
import { absoluteError, relativeError, tolerances } from '../tolerances.js';
import type { ErrorMeter, GoldenTensor } from './golden-case.js';

export interface LayerRuns {
  readonly layer: Module & { forward(x: Tensor): Tensor };
  /** Golden names of the tensors that are differentiated, which their gradients end in `.grad` after. */
  readonly trained: readonly string[];
  /** The golden name of a parameter. */
  readonly nameOf: (parameter: Parameter) => string;
  /** The golden name of the gradient of a trained tensor. */
  readonly gradientName: (trained: string) => string;
  /** Numbers that a run is given. */
  readonly scalars: Readonly<Record<string, number>>;
}

function layerProgram({ layer, trained, nameOf, gradientName }: LayerRuns): Program {
  return ({ data, scalars }) => {
    const forward = (...xs: Tensor[]) => {
      const own = new Map(trained.map((name, i) => [name, xs[i]!]));
      layer.bindParameters((parameter) => {
        const name = nameOf(parameter);
        return scalars[name] ?? own.get(name) ?? data[name]!;
      });
      return layer.forward(data['x']!);
    };
    const tensors = trained.map((name) => data[name]!);
    const { grads } = valueAndGrads((...xs: Tensor[]) => sum(mul(forward(...xs), data['g']!)))(tensors);
    const gradients = trained.map((name, i) => [gradientName(name), grads[i]!]);
    return { outputs: { y: forward(...tensors), ...Object.fromEntries(gradients) }, state: {} };
  };
}

function runners(program: Program, spec: ProgramSpec): Readonly<Record<string, Runner>> {
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  const noWeights = () => Promise.reject(new Error('no weights'));
  return {
    compiled: new CompiledRunner({ step: { key: 'layer', compile } }, {}, options),
    eager: new EagerRunner({ step: { program, spec } }, {}, noWeights, 'cpu'),
  };
}

/** Compares a layer's output and gradients with golden ones, compiled and eagerly. */
export async function checkLayer(
  meter: ErrorMeter,
  runs: LayerRuns,
  tensors: ReadonlyMap<string, GoldenTensor>,
): Promise<void> {
  const { trained, gradientName, scalars } = runs;
  const inputs = [...tensors].filter(([name]) => !/^y$|grad$|^delta/.test(name));
  const spec: ProgramSpec = {
    data: Object.fromEntries(inputs.map(([name, { shape }]) => [name, { shape, dtype: 'float32' }])),
    scalars: Object.keys(scalars),
    state: {},
    weights: {},
  };
  for (const [kind, runner] of Object.entries(runners(layerProgram(runs), spec))) {
    const data = Object.fromEntries(inputs.map(([name, { values }]) => [name, values]));
    const results = await runner.run('step', { data, scalars });
    meter.record(`y, ${kind}`, absoluteError(results['y']!, tensors.get('y')!.values), tolerances.logits);
    for (const name of trained.map(gradientName)) {
      const error = relativeError(results[name]!, tensors.get(name)!.values);
      meter.record(`${name}, ${kind}`, error, tolerances.gradients);
    }
    await runner.close();
  }
}
