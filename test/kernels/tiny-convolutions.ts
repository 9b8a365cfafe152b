/** A training run of a small convolutional net with injected layers, dropout and selectors included, on any runner. */
import { sizeOf } from '#base/shapes.js';
import { crossEntropy } from '#jit/ops/loss-head.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { fill, maximum, mean, scalar, slice, type Tensor } from '#jit/ops.js';
import { streamKeys } from '#jit/random.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { injectLayers } from '#lora/inject-layers.js';
import { InjectedControls } from '#lora/injected-controls.js';
import { initialFactors } from '#lora/injected-factors.js';
import { Conv2d } from '#nn/conv2d.js';
import { joinFlat, layOut, splitFlat, viewOf } from '#nn/flat-state.js';
import { Linear } from '#nn/layers.js';
import { Module, type Slot } from '#nn/module.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import type { Device } from '#runtime/device.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { Runner } from '#runtime/runner.js';
import { adamWScalars, adamWUpdate, clipByNorm } from '#training/adamw.js';
import { normal } from '../finite-differences.js';

const steps = 20;
const [rows, classes] = [8, 4];
const image = [rows, 4, 10, 9];
const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 };

interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/** Images [N, 4, H, W] to logits [N, classes]. */
class TinyNet extends Module {
  readonly stem: Slot<Layer>;
  readonly body: Slot<Layer>;
  readonly head: Slot<Layer>;

  constructor() {
    super('');
    const window = { kernelSize: 3, padding: 1 };
    this.stem = this.child<Layer>('stem', (path) => new Conv2d(path, 4, 8, { ...window, stride: [2, 1] }));
    this.body = this.child<Layer>(
      'body',
      (path) => new Conv2d(path, 8, 8, { ...window, dilation: 2, groups: 2 }),
    );
    this.head = this.child<Layer>('head', (path) => new Linear(path, 8, classes, true));
  }

  forward(x: Tensor): Tensor {
    const low = maximum(this.stem.module.forward(x), scalar(0));
    const high = maximum(this.body.module.forward(low), scalar(0));
    return this.head.module.forward(mean(high, [2, 3]));
  }
}

/** What a run gave: losses of its steps, and the factors. */
export interface TinyConvolutionRun {
  readonly losses: Float32Array;
  readonly parameters: Float32Array;
}

function createRun() {
  const streams: { keys: Tensor | undefined } = { keys: undefined };
  const net = new TinyNet();
  const frozen = [...net.parameters()].map(({ name, shape }) => ({ name, shape }));
  const layers = injectLayers(net, {
    stem: { r: 4, dropout: { rate: 0.1, on: 'output', site: 0, streams } },
    body: { r: 4, selector: 'diagonal' },
    head: { r: 4, dropout: { rate: 0.1, on: 'input', site: 1, streams } },
  });
  const controls = new InjectedControls(net);
  controls.setScale(0.5, 'head');
  controls.setSelector('body', Float32Array.of(1, 0.5, -1, 2));
  const trained = [...net.parameters()].filter(({ name }) => /lora_(down|up)/.test(name));
  const layout = layOut(trained.map(({ name, shape }) => ({ name, shape })));
  const parameters = new Float32Array(layout.size);
  for (const { geometry } of layers) {
    const { down } = initialFactors(geometry, 'normal', 3);
    const entry = layout.entries.find(({ name }) => name === `${geometry.path}.lora_down.weight`)!;
    viewOf(parameters, entry).set(down);
  }

  const f32 = (shape: readonly number[]) => ({ shape, dtype: 'float32' as const });
  const adam = ['decay', 'stepSize', 'correction'];
  const spec: ProgramSpec = {
    data: {
      x: f32(image),
      labels: { shape: [rows], dtype: 'int32' },
      dropoutKeys: { shape: [2, 2], dtype: 'int32' },
      ...controls.spec.data,
      ...Object.fromEntries(frozen.map(({ name, shape }) => [name, f32(shape)])),
    },
    scalars: [...controls.spec.scalars, ...adam],
    state: Object.fromEntries(['parameters', 'moment1', 'moment2'].map((name) => [name, f32([layout.size])])),
    weights: {},
  };
  const program: Program = ({ data, scalars, state }) => {
    streams.keys = data['dropoutKeys'];
    const loss = (...factors: Tensor[]) => {
      const own = new Map(factors.map((factor, i) => [layout.entries[i]!.name, factor]));
      net.bindParameters(({ name }) => own.get(name) ?? scalars[name] ?? data[name]!);
      const logits = net.forward(data['x']!);
      const weights = fill([rows], 1 / rows);
      return slice(crossEntropy(logits, data['labels']!, weights), [0], [1]);
    };
    const before = state as { parameters: Tensor; moment1: Tensor; moment2: Tensor };
    const { value, grads } = valueAndGrads(loss)(splitFlat(before.parameters, layout));
    const { gradient } = clipByNorm(joinFlat(grads), optimizer.maxGradNorm);
    const { decay, stepSize, correction } = scalars as Record<'decay' | 'stepSize' | 'correction', Tensor>;
    const after = adamWUpdate(before, gradient, optimizer, { decay, stepSize, correction });
    return { outputs: { loss: value }, state: { ...after } };
  };
  return { program, spec, parameters, controls, frozen };
}

/** Images of each class share a pattern. */
function batch(step: number): { x: Float32Array; labels: Int32Array } {
  const size = sizeOf(image.slice(1));
  const noise = normal(`noise ${step}`, image);
  const labels = Int32Array.from({ length: rows }, (_, i) => (i * 3 + step) % classes);
  const patterns = Array.from({ length: classes }, (_, i) => normal(`pattern ${i}`, [size]));
  return {
    x: noise.map((value, i) => value / 2 + patterns[labels[Math.floor(i / size)]!]![i % size]!),
    labels,
  };
}

/** The run on a compiled graph of a device, or eagerly on a TensorFlow.js backend. */
export async function runTinyConvolutions(
  on: { readonly device: Device } | { readonly backend: string },
): Promise<TinyConvolutionRun> {
  const { program, spec, parameters, controls, frozen } = createRun();
  const zeros = () => new Float32Array(parameters.length);
  const initial = { parameters, moment1: zeros(), moment2: zeros() };
  const noWeights = () => Promise.reject(new Error('no weights'));
  const runner: Runner =
    'backend' in on
      ? new EagerRunner({ step: { program, spec } }, initial, noWeights, on.backend)
      : new CompiledRunner(
          {
            step: {
              key: 'tiny convolutions',
              compile: () => compileProgram(program, spec, { device: on.device, recomputedSegments: 0 }),
            },
          },
          initial,
          { device: on.device, threads: 2, spin: false, cacheFolder: undefined },
        );
  const weights = Object.fromEntries(
    frozen.map(({ name, shape }) => [name, normal(name, shape).map((x) => x / 4)]),
  );
  const losses = new Float32Array(steps);
  for (let step = 0; step < steps; step++) {
    const dropoutKeys = streamKeys(5, step, ['stem', 'head']);
    const data = { ...batch(step), dropoutKeys, ...weights, ...controls.inputs.data };
    const scalars = { ...controls.inputs.scalars, ...adamWScalars(optimizer, 0.02, step + 1) };
    losses[step] = (await runner.run('step', { data, scalars }))['loss']![0]!;
  }
  const trained = runner.readState('parameters');
  await runner.close();
  return { losses, parameters: trained };
}
