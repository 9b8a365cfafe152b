/** Golden injected layers: outputs, gradients and updates of PyTorch's, compiled and eagerly. */
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { mul, sum, type Tensor } from '#jit/ops.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { LoraInjectedConv2d } from '#lora/lora-injected-conv2d.js';
import { LoraInjectedLinear } from '#lora/lora-injected-linear.js';
import { deltaWeight, mergeWeight } from '#lora/merge-injected.js';
import { Conv2d, type Conv2dOptions } from '#nn/conv2d.js';
import { Linear } from '#nn/layers.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { Runner } from '#runtime/runner.js';
import { absoluteError, relativeError, tolerances } from '../tolerances.js';
import { ErrorMeter, type GoldenResult, type GoldenTensor, readJson, readTensors } from './golden-case.js';

type LayerCase = Omit<Conv2dOptions, 'kernelSize'> & { readonly r: number; readonly scale: number };
type Injected = LoraInjectedConv2d | LoraInjectedLinear;

const differentiated = ['lora_down.weight', 'lora_up.weight', 'selector'];

function createLayer(golden: LayerCase, tensors: ReadonlyMap<string, GoldenTensor>): Injected {
  const options = { r: golden.r, selector: 'diagonal' } as const;
  const [out, perGroup, ...kernel] = tensors.get('weight')!.shape as [number, number, number?, number?];
  if (kernel.length === 0) return new LoraInjectedLinear(new Linear('', perGroup, out, true), options);
  const base = new Conv2d('', perGroup * (golden.groups ?? 1), out, {
    ...golden,
    kernelSize: kernel as [number, number],
  });
  return new LoraInjectedConv2d(base, options);
}

/** y, and the gradients of sum(y * g) by the factors and the selector. */
function layerProgram(layer: Injected): Program {
  return ({ data, scalars }) => {
    const forward = (...xs: Tensor[]) => {
      const own = new Map(differentiated.map((name, i) => [name, xs[i]!]));
      layer.bindParameters(({ name }) => {
        if (name === 'lora_scale') return scalars['scale']!;
        const golden = name === 'lora_selector' ? 'selector' : name;
        return own.get(golden) ?? data[golden]!;
      });
      return layer.forward(data['x']!);
    };
    const factors = differentiated.map((name) => data[name]!);
    const { grads } = valueAndGrads((...xs: Tensor[]) => sum(mul(forward(...xs), data['g']!)))(factors);
    const gradients = differentiated.map((name, i) => [gradientName(name), grads[i]!]);
    return { outputs: { y: forward(...factors), ...Object.fromEntries(gradients) }, state: {} };
  };
}

const gradientName = (name: string): string => `${name.replace(/\.weight$/, '')}.grad`;

function runners(program: Program, spec: ProgramSpec): Readonly<Record<string, Runner>> {
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  const noWeights = () => Promise.reject(new Error('no weights'));
  return {
    compiled: new CompiledRunner({ step: { key: 'layer', compile } }, {}, options),
    eager: new EagerRunner({ step: { program, spec } }, {}, noWeights, 'cpu'),
  };
}

function checkDelta(
  meter: ErrorMeter,
  layer: Injected,
  tensors: ReadonlyMap<string, GoldenTensor>,
  { scale, groups = 1 }: LayerCase,
): void {
  const numbers = (name: string) => tensors.get(name)!.values as Float32Array;
  const factors = {
    down: numbers('lora_down.weight'),
    up: numbers('lora_up.weight'),
    selector: numbers('selector'),
    scale,
  };
  const delta = deltaWeight(factors, layer.geometry);
  meter.record('delta', absoluteError(delta, numbers('delta_weight')), tolerances.logits);
  if (groups > 1) {
    // These updates are of full rank between the channels: no grouped weight has a place for them.
    try {
      mergeWeight(numbers('weight'), factors, layer.geometry);
    } catch (error) {
      if (error instanceof LowrankError && error.code === 'delta_mixes_groups') return;
      throw error;
    }
    throw new Error('an update that mixes groups was merged into a grouped weight');
  }
  const merged = mergeWeight(numbers('weight'), factors, layer.geometry);
  const expected = numbers('weight').map((value, i) => value + numbers('delta_weight')[i]!);
  meter.record('merged weight', absoluteError(merged, expected), tolerances.mergedWeights);
}

/** Runs a layer's case from its folder. */
export async function runLayerCase(folder: string): Promise<GoldenResult> {
  const golden = readJson(folder, 'case.json') as LayerCase;
  const tensors = await readTensors(join(folder, 'case.safetensors'));
  const layer = createLayer(golden, tensors);
  const inputs = [...tensors].filter(([name]) => !/^y$|grad$|^delta/.test(name));
  const spec: ProgramSpec = {
    data: Object.fromEntries(inputs.map(([name, { shape }]) => [name, { shape, dtype: 'float32' }])),
    scalars: ['scale'],
    state: {},
    weights: {},
  };
  const meter = new ErrorMeter();
  for (const [kind, runner] of Object.entries(runners(layerProgram(layer), spec))) {
    const data = Object.fromEntries(inputs.map(([name, { values }]) => [name, values]));
    const results = await runner.run('step', { data, scalars: { scale: golden.scale } });
    meter.record(`y, ${kind}`, absoluteError(results['y']!, tensors.get('y')!.values), tolerances.logits);
    for (const name of differentiated.map(gradientName)) {
      const error = relativeError(results[name]!, tensors.get(name)!.values);
      meter.record(`${name}, ${kind}`, error, tolerances.gradients);
    }
    await runner.close();
  }
  checkDelta(meter, layer, tensors, golden);
  return meter.result;
}
