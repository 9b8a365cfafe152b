/** Golden magnitudes: what those of a new DoRA adapter are in PEFT, for the factors that it starts from. */
import { join } from 'node:path';
import { startOn } from '#adapters/base-layers.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { seededNumbers } from '#lora/random-numbers.js';
import { factorsOf, variantAt } from '#lora/variants/registry.js';
import { openModelFolder } from '#models/model-folder.js';
import { relativeError, tolerances } from '../tolerances.js';
import { ErrorMeter, GoldenMismatch, type GoldenResult, readJson } from './golden-case.js';

/** Runs the case of a family. */
export async function runMagnitudeCase(folder: string, familiesFolder: string): Promise<GoldenResult> {
  const { family } = readJson(folder, 'case.json') as { family: string };
  const base = await openModelFolder(join(familiesFolder, family));
  const { modules } = await readAdapter(join(folder, 'new'), { model: base.tree });
  const start = { init: false, random: seededNumbers(1), ...startOn(base) };
  const meter = new ErrorMeter();
  for (const { numbers, ...target } of modules.values()) {
    const { magnitude } = await variantAt(target).initial(target, factorsOf(target, numbers), start);
    if (!magnitude) throw new GoldenMismatch(`${target.path} has no magnitudes here`);
    const error = relativeError(magnitude, numbers['magnitude']!);
    meter.record(`magnitudes of ${target.path}`, error, tolerances.mergedWeights);
  }
  return meter.result;
}
