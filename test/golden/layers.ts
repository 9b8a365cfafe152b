/** Golden injected layers: outputs, gradients and updates of PyTorch's, compiled and eagerly. */
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { LoraInjectedConv2d } from '#lora/lora-injected-conv2d.js';
import { LoraInjectedLinear } from '#lora/lora-injected-linear.js';
import { deltaWeight, mergeWeight } from '#lora/merge-injected.js';
import { Conv2d, type Conv2dOptions } from '#nn/conv2d.js';
import { Linear } from '#nn/layers.js';
import { absoluteError, tolerances } from '../tolerances.js';
import { ErrorMeter, type GoldenResult, type GoldenTensor, readJson, readTensors } from './golden-case.js';
import { checkLayer } from './layer-runs.js';

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

/** The names of the golden files for an injected layer's parameters. */
const goldenNames: Readonly<Record<string, string>> = { lora_scale: 'scale', lora_selector: 'selector' };

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
  const meter = new ErrorMeter();
  const runs = {
    layer,
    trained: differentiated,
    nameOf: ({ name }: { readonly name: string }) => goldenNames[name] ?? name,
    gradientName: (name: string) => `${name.replace(/\.weight$/, '')}.grad`,
    scalars: { scale: golden.scale },
  };
  await checkLayer(meter, runs, tensors);
  checkDelta(meter, layer, tensors, golden);
  return meter.result;
}
