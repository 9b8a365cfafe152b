/** Training steps of a tiny model from any folder, as they are compiled for a run. */
import { makeBatch } from '#data/batch.js';
import { bitsAt, normalAt, streamKey, streamKeys } from '#jit/random.js';
import { dropoutSiteNames } from '#lora/adapter-layout.js';
import { readLoraConfig } from '#lora/config.js';
import { createLoraModel } from '#lora/lora-model.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { causalModel } from '#models/abilities.js';
import { frozenWeights } from '#models/frozen-weights.js';
import { openModelFolder } from '#models/model-folder.js';
import { compileProgram, lowerProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import type { LoweredGraph } from '#runtime/lowering/lower.js';
import type { RunInputs } from '#runtime/runner.js';
import { adamWScalars } from '#training/adamw.js';
import { nextToken } from '#training/objectives/next-token.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import { stepPrograms } from '#training/step-programs.js';

const shape = { batch: 2, length: 16, chunkSize: 8 };
const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 0.5 };

export interface StepSetup {
  readonly folder: string;
  readonly targets?: string | string[];
  readonly dropout?: number;
  readonly recomputedSegments?: number;
  /** Where weights of several folders are linked together. */
  readonly scratch?: string;
}

export interface TrainingStep {
  readonly runner: CompiledRunner;
  readonly parameterCount: number;
  /** What the step reads, counted from 1. */
  readonly inputsOf: (step: number) => RunInputs;
  readonly lower: () => LoweredGraph;
}

/** A block of two segments and padding, with a target for every second token. */
function block(seed: number, vocabulary: number) {
  const key = streamKey(seed, 0, 'tokens');
  const segments = Int32Array.from({ length: shape.length }, (_, i) => (i < 7 ? 1 : i < 14 ? 2 : 0));
  return {
    tokens: Int32Array.from(segments, (segment, i) => (segment === 0 ? 0 : bitsAt(key, i) % vocabulary)),
    segments,
    trained: Uint8Array.from(segments, (segment, i) => Number(segment > 0 && i % 2 === 1)),
  };
}

/** The training step of a model with LoRA layers, whose factors are random. */
export async function openTrainingStep({
  folder,
  targets = 'all-linear',
  dropout = 0.1,
  recomputedSegments = 0,
  scratch,
}: StepSetup): Promise<TrainingStep> {
  const base = await openModelFolder(folder);
  const { config } = readLoraConfig({ peft_type: 'LORA', r: 4, lora_alpha: 8, target_modules: targets });
  const { modules } = resolveTargetModules(base.tree, config);
  const model = createLoraModel(base.config, modules, dropout);
  const { program, spec } = stepPrograms(
    { model, objective: nextToken, shape },
    frozenWeights(base.parameters),
    optimizer,
  ).train;
  const { size } = model.layout;
  const key = streamKey(3, 0, 'factors');
  const options = { device: 'cpu', recomputedSegments } as const;
  const compile = () => compileProgram(program, spec, options, scratch);
  const runner = new CompiledRunner(
    { train: { key: 'train', compile } },
    {
      parameters: Float32Array.from({ length: size }, (_, i) => normalAt(key, i) / 10),
      moment1: new Float32Array(size),
      moment2: new Float32Array(size),
    },
    { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  );
  const { vocabSize } = causalModel(base.tree).config;
  return {
    runner,
    parameterCount: size,
    inputsOf: (step) => {
      const batch = makeBatch([block(2 * step, vocabSize), block(2 * step + 1, vocabSize)]);
      const dropoutKeys = streamKeys(5, step, dropoutSiteNames(modules));
      return {
        data: { ...tokenInputs(batch, shape, batch.lossCount), ...(dropout > 0 ? { dropoutKeys } : {}) },
        scalars: { ...adamWScalars(optimizer, 5e-3, step) },
      };
    },
    lower: () => lowerProgram(program, spec, options),
  };
}

/** Numbers of a run of some steps: losses, norms of the gradients, and the factors in the end. */
export async function runSteps({ runner, inputsOf }: TrainingStep, steps = 3): Promise<number[][]> {
  const results: number[][] = [[], []];
  for (let step = 1; step <= steps; step++) {
    const { loss, gradNorm } = await runner.run('train', inputsOf(step));
    results[0]!.push(loss![0]!);
    results[1]!.push(gradNorm![0]!);
  }
  return [...results, [...runner.readState('parameters')]];
}
