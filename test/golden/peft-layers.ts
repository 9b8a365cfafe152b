/** Golden layers with PEFT's updates, for layers that no family has. */
import { join } from 'node:path';
import { type LoraConfigInput, parseLoraConfig } from '#lora/config.js';
import { geometryOf, layerKind } from '#lora/layer-kinds/registry.js';
import { rankPaths } from '#lora/target-modules-match.js';
import { targetModule, variantOf } from '#lora/variants/registry.js';
import { Conv2d, type Conv2dOptions } from '#nn/conv2d.js';
import { ErrorMeter, type GoldenResult, readJson, readTensors } from './golden-case.js';
import { checkLayer, type LayerRuns } from './layer-runs.js';

type LayerCase = Omit<Conv2dOptions, 'kernelSize'> & { readonly lora: LoraConfigInput };

const path = 'conv';

/** Runs a layer's case from its folder. */
export async function runPeftLayerCase(folder: string): Promise<GoldenResult> {
  const { lora, ...options } = readJson(folder, 'case.json') as LayerCase;
  const tensors = await readTensors(join(folder, 'case.safetensors'));
  const [out, perGroup, ...kernelSize] = tensors.get('weight')!.shape as [number, number, number, number];
  const base = new Conv2d(path, perGroup * (options.groups ?? 1), out, { ...options, kernelSize });
  const config = parseLoraConfig({ ...lora, target_modules: [path] });
  const variant = variantOf(config);
  const target = targetModule(path, geometryOf(base)!, rankPaths(config, [path])[0]!, variant);
  const run = { dropout: 0, site: 0, streams: { keys: undefined } };
  const golden = (name: string) => {
    const local = name.slice(path.length + 1);
    return tensors.has(local) ? local : `${local}.weight`;
  };
  const meter = new ErrorMeter();
  const runs: LayerRuns = {
    layer: layerKind(target).wrap(base, target, run, variant.forward) as LayerRuns['layer'],
    trained: target.tensors.map(({ name }) => golden(name)),
    nameOf: ({ name }) => golden(name),
    gradientName: (name) => `${name}.grad`,
    scalars: {},
  };
  await checkLayer(meter, runs, tensors);
  return meter.result;
}
