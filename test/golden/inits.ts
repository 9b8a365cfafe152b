/** Golden starts: what PEFT takes out of the weights that training starts from, and what is left of them. */
import { join } from 'node:path';
import { parseLoraConfig } from '#lora/config.js';
import { initialFactors } from '#lora/inits/registry.js';
import { seededNumbers } from '#lora/random-numbers.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { openModelFolder } from '#models/model-folder.js';
import { mergeDelta } from '#lora/merge-delta.js';
import { startOn } from '#adapters/base-layers.js';
import { absoluteError, tolerances } from '../tolerances.js';
import { ErrorMeter, type GoldenResult, readJson, readTensors } from './golden-case.js';

interface InitCase {
  readonly family: string;
  readonly r: number;
  readonly lora_alpha: number;
  readonly target_modules: string[];
}

/** Runs the case of an initialisation; its folder has the name of it. */
export async function runInitCase(
  folder: string,
  familiesFolder: string,
  init: string,
): Promise<GoldenResult> {
  const { family, ...settings } = readJson(folder, 'case.json') as InitCase;
  const { r, lora_alpha, target_modules } = settings;
  const base = await openModelFolder(join(familiesFolder, family));
  const config = parseLoraConfig({ r, lora_alpha, target_modules, init_lora_weights: init });
  const { modules } = resolveTargetModules(base.tree, config);
  const expected = await readTensors(join(folder, 'expected.safetensors'));
  const weights = startOn(base);
  const start = { init: config.init_lora_weights, random: seededNumbers(1), ...weights };
  const meter = new ErrorMeter();
  for (const module of modules) {
    const { path, scale } = module;
    const factors = await initialFactors(module, start);
    const weight = await weights.readWeight(`${path}.weight`);
    meter.record(`weight ${path}`, absoluteError(weight, expected.get(`weight.${path}`)!.values), 0);
    const shape = { ...module, isTransposed: weights.isTransposed!(module) };
    const delta = mergeDelta(new Float32Array(weight.length), factors, shape);
    const residual = mergeDelta(weight, factors, { ...shape, scale: -scale });
    const compare = (what: string, values: Float32Array) =>
      meter.record(
        `${what} ${path}`,
        absoluteError(values, expected.get(`${what}.${path}`)!.values),
        tolerances.mergedWeights,
      );
    compare('delta', delta);
    compare('residual', residual);
  }
  return meter.result;
}
