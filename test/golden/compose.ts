/**
 * Golden compositions: the exact sum of three adapters, its best approximations of a lower rank, what the model answers
 * with it, and PEFT's own answers where its mathematics is right.
 *
 * `linear.*`, `svdK.*`, `peft.cat.*` and `peft.svd.*` of the files are compared; magnitude_prune and ties_* are methods
 * that are not done.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Adapter } from '#adapters/adapter.js';
import { Composition } from '#adapters/composition.js';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import { type FlatAdapter, flatAdapter } from '#adapters/flat-factors.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { BucketModel } from '#generation/bucket-model.js';
import { factorsOf } from '#lora/variants/registry.js';
import { openModelFolder } from '#models/model-folder.js';
import { absoluteError, tolerances } from '../tolerances.js';
import { ErrorMeter, type GoldenResult, type GoldenTensor, readJson, readTensors } from './golden-case.js';

interface ComposeCase {
  readonly family: string;
  readonly weights: readonly number[];
  readonly peft_weights: Readonly<Record<string, readonly number[]>>;
}

type Golden = ReadonlyMap<string, GoldenTensor>;

/** What an adapter adds to each layer, dense and in float64. */
function deltas({ modules }: Adapter): Map<string, Float64Array> {
  const dense = new Map<string, Float64Array>();
  for (const [path, module] of modules) {
    const { r, scale, inFeatures, outFeatures } = module;
    const { A, B } = factorsOf(module, module.numbers);
    const delta = new Float64Array(outFeatures * inFeatures);
    for (let o = 0; o < outFeatures; o++) {
      for (let k = 0; k < r; k++) {
        const b = scale * B[o * r + k]!;
        for (let i = 0; i < inFeatures; i++) delta[o * inFeatures + i]! += b * A[k * inFeatures + i]!;
      }
    }
    dense.set(path, delta);
  }
  return dense;
}

/** Compares dense updates with the tensors `METHOD.PATH`. */
function checkDense(meter: ErrorMeter, adapter: Adapter, golden: Golden, method: string): void {
  for (const [path, delta] of deltas(adapter)) {
    const expected = golden.get(`${method}.${path}`)?.values ?? [NaN];
    meter.record(`${method}.${path}`, absoluteError(delta, expected), tolerances.mergedWeights);
  }
}

/** Compares the error of an approximation with the least that is possible, both relative to the exact sum. */
function checkOptimum(
  meter: ErrorMeter,
  exact: ReadonlyMap<string, Float64Array>,
  adapter: Adapter,
  golden: Golden,
  rank: number,
): void {
  for (const [path, delta] of deltas(adapter)) {
    const sum = exact.get(path)!;
    const sigma = golden.get(`svd${rank}.singular_values.${path}`)!.values;
    const norm = Math.hypot(...sum);
    const error = Math.hypot(...sum.map((value, i) => value - delta[i]!)) / norm;
    const least = Math.hypot(...sigma.subarray(rank)) / norm;
    meter.record(`error of rank ${rank} at ${path}`, Math.abs(error - least), tolerances.truncation);
  }
}

/** What the model answers with an adapter, at every position of every row. */
async function checkLogits(
  meter: ErrorMeter,
  what: string,
  familyFolder: string,
  adapter: FlatAdapter,
  golden: Golden,
): Promise<void> {
  const ids = golden.get('input_ids')!;
  const expected = golden.get('linear.logits')!;
  const [rows, length] = ids.shape as [number, number];
  const vocabulary = expected.shape[2]!;
  const model = BucketModel.create({
    model: await openModelFolder(familyFolder),
    modules: adapter.modules,
    selector: adapter.selector ? 'diagonal' : 'identity',
    runner: { kind: 'compiled', device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  });
  for (let row = 0; row < rows; row++) {
    const sequence = model.open(adapter);
    for (let position = 0; position < length; position++) {
      const logits = await sequence.extend([ids.values[row * length + position]!]);
      const at = (row * length + position) * vocabulary;
      const error = absoluteError(logits, expected.values.subarray(at, at + vocabulary));
      meter.record(`${what}: logits at ${row}, ${position}`, error, tolerances.logits);
    }
  }
  await model.close();
}

/** Runs a composition's case from its folder. */
export async function runComposeCase(folder: string, familiesFolder: string): Promise<GoldenResult> {
  const { family, weights, peft_weights: peft } = readJson(folder, 'case.json') as ComposeCase;
  const golden = await readTensors(join(folder, 'expected.safetensors'));
  const names = readdirSync(folder).filter((name) => name.startsWith('adapter-'));
  const adapters = await Promise.all(names.toSorted().map((name) => openAdapter(join(folder, name))));
  const listed = (weights: readonly number[]) =>
    adapters.map((adapter, i) => ({ adapter, weight: weights[i]! }));
  const meter = new ErrorMeter();
  const scratch = mkdtempSync(join(tmpdir(), 'lowrank-compose-'));
  try {
    let written = 0;
    const composed = async (weights: readonly number[], form: CompositionForm) => {
      const out = join(scratch, String(written++));
      await (await Composition.open(listed(weights))).write(out, form);
      return readAdapter(out);
    };
    const stacked = await composed(weights, { kind: 'stacked' });
    checkDense(meter, stacked, golden, 'linear');
    const ranks = new Set([...golden.keys()].flatMap((name) => /^svd(\d+)\./.exec(name)?.[1] ?? []));
    for (const rank of [...ranks].map(Number)) {
      const best = await composed(weights, { kind: 'rank', rank });
      checkDense(meter, best, golden, `svd${rank}`);
      checkOptimum(meter, deltas(stacked), best, golden, rank);
    }
    if (peft['cat']) {
      checkDense(meter, await composed(peft['cat'], { kind: 'stacked' }), golden, 'peft.cat');
    }
    if (peft['svd']) {
      const rank = Math.max(...adapters.flatMap(({ modules }) => [...modules.values()].map(({ r }) => r)));
      checkDense(meter, await composed(peft['svd'], { kind: 'rank', rank }), golden, 'peft.svd');
    }
    const familyFolder = join(familiesFolder, family);
    await checkLogits(meter, 'stacked', familyFolder, flatAdapter(stacked), golden);
    const live = await LiveComposition.open(listed(weights.map(() => 1)));
    await checkLogits(meter, 'live', familyFolder, live.withWeights(weights), golden);
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return meter.result;
}
