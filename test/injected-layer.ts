/** Small injected layers with numbers for all their weights, and runners of one layer. */
import type { Program, ProgramSpec } from '#jit/trace.js';
import { InjectedControls } from '#lora/injected-controls.js';
import { LoraInjectedConv2d } from '#lora/lora-injected-conv2d.js';
import { LoraInjectedLinear } from '#lora/lora-injected-linear.js';
import type { InjectedOptions } from '#lora/injected-layer.js';
import type { InjectedFactors } from '#lora/merge-injected.js';
import { Conv2d, type Conv2dOptions } from '#nn/conv2d.js';
import { Linear } from '#nn/layers.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { Runner } from '#runtime/runner.js';
import { normal } from './finite-differences.js';

export type Layer = Linear | Conv2d | LoraInjectedLinear | LoraInjectedConv2d;

export const strided: Conv2dOptions = {
  kernelSize: [3, 2],
  stride: [2, 1],
  padding: [1, 0],
  dilation: [1, 2],
};
export const bases = {
  linear: () => new Linear('net.fc', 6, 8, true),
  conv2d: () => new Conv2d('net.conv', 6, 8, strided),
};
export const inputs = { linear: [5, 6], conv2d: [2, 6, 7, 8] };
export type Kind = keyof typeof bases;
export const kinds = Object.keys(bases) as Kind[];

export function inject(
  base: Linear | Conv2d,
  options: InjectedOptions,
): LoraInjectedLinear | LoraInjectedConv2d {
  return base instanceof Linear
    ? new LoraInjectedLinear(base, options)
    : new LoraInjectedConv2d(base, options);
}

/** Numbers for every weight of a layer by its name, each of its own but for the controls. */
export function numbersOf(layer: Layer): Map<string, Float32Array> {
  const own = [...layer.parameters()].filter(({ name }) => !/lora_(scale|selector)$/.test(name));
  return new Map(own.map(({ name, shape }) => [name, normal(name, shape).map((x) => x / 2)]));
}

export function factorsOf(layer: LoraInjectedLinear | LoraInjectedConv2d, scale: number): InjectedFactors {
  const numbers = numbersOf(layer);
  const [down, up] = ['lora_down', 'lora_up'].map((name) => numbers.get(`${layer.path}.${name}.weight`)!);
  return { down: down!, up: up!, scale };
}

/** A runner of one layer on x; its weights are inputs, its scales and selectors what the controls say. */
export class LayerRunner {
  readonly controls: InjectedControls;
  private readonly runner: Runner;

  constructor(kind: string, layer: Layer, shape: readonly number[]) {
    this.controls = new InjectedControls(layer);
    const { scalars, data } = this.controls.spec;
    const own = [...layer.parameters()].filter(({ name }) => !scalars.includes(name) && !(name in data));
    const f32 = (shape: readonly number[]) => ({ shape, dtype: 'float32' as const });
    const spec: ProgramSpec = {
      data: {
        x: f32(shape),
        ...data,
        ...Object.fromEntries(own.map(({ name, shape }) => [name, f32(shape)])),
      },
      scalars,
      state: {},
      weights: {},
    };
    const program: Program = ({ data, scalars }) => {
      layer.bindParameters(({ name }) => scalars[name] ?? data[name]!);
      return { outputs: { y: layer.forward(data['x']!) }, state: {} };
    };
    const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
    const settings = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
    const noWeights = () => Promise.reject(new Error('none'));
    this.runner =
      kind === 'eager'
        ? new EagerRunner({ step: { program, spec } }, {}, noWeights, 'cpu')
        : new CompiledRunner({ step: { key: 'layer', compile } }, {}, settings);
  }

  async run(x: Float32Array, numbers: ReadonlyMap<string, Float32Array>): Promise<number[]> {
    const { scalars, data } = this.controls.inputs;
    const results = await this.runner.run('step', {
      data: { x, ...Object.fromEntries(numbers), ...data },
      scalars,
    });
    return Array.from(results['y']!);
  }

  close(): Promise<void> {
    return this.runner.close();
  }
}

/** What a layer gives for x, all its scales at `scale`. */
export async function outputOf(
  kind: string,
  layer: Layer,
  shape: readonly number[],
  numbers = numbersOf(layer),
  scale = 1,
): Promise<number[]> {
  const runner = new LayerRunner(kind, layer, shape);
  runner.controls.setScale(scale);
  const y = await runner.run(normal('x', shape), numbers);
  await runner.close();
  return y;
}
