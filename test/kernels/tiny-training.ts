/** A whole training run of a tiny model, dropout and accumulation included, on any runner. */
import { join } from 'node:path';
import { flattenModules } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { makeBatch } from '#data/batch.js';
import { bitsAt, streamKey, streamKeys } from '#jit/random.js';
import { createLoraModel } from '#lora/lora-model.js';
import { causalModel } from '#models/abilities.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import { openModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import type { Device } from '#runtime/device.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { Runner } from '#runtime/runner.js';
import { adamWScalars } from '#training/adamw.js';
import { nextToken } from '#training/objectives/next-token.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import { type StepPrograms, stepPrograms } from '#training/step-programs.js';

const steps = 4;
const accumulate = 2;
const shape = { batch: 2, length: 16, chunkSize: 8 };
const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 0.5 };

/** What a run gave: losses and norms of its steps, and the adapter. */
export interface TinyRun {
  readonly losses: Float32Array;
  readonly norms: Float32Array;
  readonly parameters: Float32Array;
}

/** Two segments and some padding in every block; targets in the second half of each segment. */
function block(seed: number, vocabulary: number) {
  const key = streamKey(seed, 0, 'tokens');
  const segments = Int32Array.from({ length: shape.length }, (_, i) => (i < 7 ? 1 : i < 14 ? 2 : 0));
  return {
    tokens: Int32Array.from(segments, (segment, i) => (segment === 0 ? 0 : bitsAt(key, i) % vocabulary)),
    segments,
    trained: Uint8Array.from(segments, (segment, i) => Number(segment > 0 && i % 7 > 2)),
  };
}

/** Runs the steps and closes the runner. */
async function train(runner: Runner, vocabulary: number, sites: number): Promise<TinyRun> {
  const [losses, norms] = [new Float32Array(steps), new Float32Array(steps)];
  const names = Array.from({ length: sites }, (_, i) => `site ${i}`);
  for (let step = 0; step < steps; step++) {
    const batches = Array.from({ length: accumulate }, (_, j) => {
      const first = 10 * (step * accumulate + j);
      return makeBatch([block(first, vocabulary), block(first + 1, vocabulary)]);
    });
    const count = batches.reduce((sum, { lossCount }) => sum + lossCount, 0);
    for (const [j, batch] of batches.entries()) {
      const dropoutKeys = streamKeys(5, step * accumulate + j, names);
      const { loss } = await runner.run('accumulate', {
        data: { ...tokenInputs(batch, shape, count), dropoutKeys },
      });
      losses[step]! += loss![0]!;
    }
    const scalars = { ...adamWScalars(options, 5e-3, step + 1) };
    norms[step] = (await runner.run('optimizerStep', { scalars }))['gradNorm']![0]!;
  }
  const parameters = runner.readState('parameters');
  await runner.close();
  return { losses, norms, parameters };
}

/** The run on a compiled graph of a device, or eagerly on a TensorFlow.js backend. */
export async function runTinyTraining(
  fixtures: string,
  on: { readonly device: Device; readonly recomputedSegments?: number } | { readonly backend: string },
): Promise<TinyRun> {
  const base = await openModelFolder(join(fixtures, 'families/llama'));
  const start = await readAdapter(join(fixtures, 'lora/all-linear-rslora/init'), { model: base.tree });
  const modules = [...start.modules.values()];
  const model = createLoraModel(base.config, modules, 0.1);
  const programs: StepPrograms = stepPrograms(
    { model, objective: nextToken, shape },
    frozenWeights(base.parameters),
    options,
  );
  const parameters = flattenModules(modules);
  const zeros = () => new Float32Array(parameters.length);
  const initial = { parameters, moment1: zeros(), moment2: zeros(), accumulator: zeros() };
  const { accumulate, optimizerStep } = programs;
  if ('backend' in on) {
    return train(
      new EagerRunner({ accumulate, optimizerStep }, initial, readFrozenWeight, on.backend),
      causalModel(base.tree).config.vocabSize,
      modules.length,
    );
  }
  const { device, recomputedSegments = 0 } = on;
  const compilable = Object.entries({ accumulate, optimizerStep }).map(([name, { program, spec }]) => {
    const compile = () => compileProgram(program, spec, { device, recomputedSegments });
    return [name, { key: name, compile }] as const;
  });
  const runner = new CompiledRunner(Object.fromEntries(compilable), initial, {
    device,
    threads: 2,
    spin: false,
    cacheFolder: undefined,
  });
  return train(runner, causalModel(base.tree).config.vocabSize, modules.length);
}
