import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WeightSpec } from '#jit/graph.js';
import { normalAt, streamKey } from '#jit/random.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { readLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { causalModel } from '#models/abilities.js';
import { frozenWeights, readParameter } from '#models/frozen-weights.js';
import { openInt8Base } from '#models/int8-base.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { chooseInt8Weights } from '#training/base-precision/choose-int8.js';
import { nextToken } from '#training/objectives/next-token.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import { createStepPrograms } from '#training/step-programs.js';
import { oneOfEachFamily } from '../families.js';
import { relativeError, tolerances } from '../tolerances.js';

const fixtures = join(import.meta.dirname, '../fixtures/families');
let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'int8-families-'))));
afterAll(() => rm(folder, { recursive: true }));

const shape = { batch: 2, length: 16, chunkSize: 8 };
const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: null };
const quiet = { onProgress: () => undefined, pause: () => Promise.resolve() };
const runner = { device: 'cpu', threads: 1, spin: false, cacheFolder: undefined } as const;

/** Matrices of a model with noise of 1% of their root mean square, in files of their own. */
async function withNoise(base: ModelFolder, names: Iterable<string>): Promise<Record<string, WeightSpec>> {
  const key = streamKey(9, 0, 'noise');
  const noisyFolder = await mkdtemp(join(folder, 'noisy-'));
  const specs: Record<string, WeightSpec> = {};
  for (const name of names) {
    const parameter = base.parameters.get(name)!;
    const numbers = await readParameter(parameter);
    const size = Math.hypot(...numbers) / Math.sqrt(numbers.length);
    const noisy = numbers.map((value, i) => value + 0.01 * size * normalAt(key, i));
    const file = join(noisyFolder, name);
    await writeFile(file, noisy);
    const source = { file, offset: 0, byteLength: noisy.byteLength, storage: 'float32' as const };
    specs[name] = { shape: parameter.shape, source };
  }
  return specs;
}

test.each(oneOfEachFamily)('%s loses no more in int8 than by noise of 1% on its matrices', async (name) => {
  const base = await openModelFolder(join(fixtures, name));
  const { config } = readLoraConfig({
    peft_type: 'LORA',
    r: 4,
    lora_alpha: 8,
    target_modules: 'all-linear',
  });
  const { modules } = resolveTargetModules(base.tree, config);
  const source = { base, modules, dropout: 0, objective: nextToken, shape, optimizer };
  const { vocabSize } = causalModel(base.tree).config;
  const tokens = Int32Array.from({ length: 32 }, (_, i) => (i * 37) % vocabSize);
  const lossRows = Int32Array.from({ length: 20 }, (_, i) => i);
  const positions = tokens.map((_, i) => i % 16);
  const lossTargets = lossRows.map((row) => tokens[row + 1]!);
  const segments = new Int32Array(32).fill(1);
  const batch = { tokens, positions, segments, lossRows, lossTargets, lossCount: 20 };
  const data = tokenInputs(batch, shape, batch.lossCount);
  const { size } = adapterLayout(modules);
  const key = streamKey(3, 0, 'factors');
  const parameters = Float32Array.from({ length: size }, (_, i) => normalAt(key, i) / 30);

  const step = createStepPrograms(source).evaluate;
  const common = { base, step, data, parameters, runner, scratchFolder: folder, ...quiet };
  const { weights, errors } = await chooseInt8Weights({ ...common, largestError: 0.1 });
  // Every layer that has a matrix, and the head.
  for (const { path } of modules) expect([...errors.keys()]).toContain(`${path}.weight`);
  const { specs } = await openInt8Base(base, weights, {
    identity: `sha256:${name}`,
    folder,
    ...quiet,
    onDamage: (message) => expect.fail(message),
  });
  const measure = async (weights?: typeof specs) => {
    const { program, spec } = createStepPrograms({ ...source, ...(weights && { weights }) }).accumulate;
    const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 1 }, folder);
    const accumulator = new Float32Array(size);
    const opened = new CompiledRunner({ step: { key: 0, compile } }, { parameters, accumulator }, runner);
    const { loss } = await opened.run('step', { data });
    const gradient = opened.readState('accumulator');
    await opened.close();
    return { loss: loss![0]!, gradient };
  };
  const [stored, int8] = [await measure(), await measure(specs)];
  const noisy = await measure({
    ...frozenWeights(base.parameters),
    ...(await withNoise(base, weights.keys())),
  });
  expect(Math.abs(int8.loss - stored.loss) / stored.loss).toBeLessThan(tolerances.int8RandomLoss);
  expect(int8.gradient).not.toEqual(stored.gradient);
  // Some of these random models are so sharp that their gradients change by half.
  const ofNoise = relativeError(noisy.gradient, stored.gradient);
  expect(relativeError(int8.gradient, stored.gradient)).toBeLessThan(1.5 * ofNoise);
});

test('matrices whose products come out too far off stay as they are stored', async () => {
  const base = await openModelFolder(join(fixtures, 'llama'));
  const source = { base, modules: [], dropout: 0, objective: nextToken, shape, optimizer };
  const tokens = Int32Array.from({ length: 32 }, (_, i) => i);
  const lossRows = Int32Array.of(0, 1, 2);
  const batch = {
    tokens,
    positions: tokens.map((_, i) => i % 16),
    segments: new Int32Array(32).fill(1),
    lossRows,
    lossTargets: lossRows,
    lossCount: 3,
  };
  const common = {
    base,
    step: createStepPrograms(source).evaluate,
    data: tokenInputs(batch, shape, batch.lossCount),
    parameters: new Float32Array(0),
    runner,
    scratchFolder: folder,
    ...quiet,
  };
  const { errors } = await chooseInt8Weights({ ...common, largestError: 1 });
  const sorted = [...errors.values()].toSorted((a, b) => a - b);
  const largestError = sorted[Math.floor(sorted.length / 2)]!;
  const { weights } = await chooseInt8Weights({ ...common, largestError });
  for (const [name, error] of errors) expect(weights.has(name)).toBe(error <= largestError);
  expect(weights.size).toBeLessThan(errors.size);
});
