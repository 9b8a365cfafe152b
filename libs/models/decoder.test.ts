import '@tensorflow/tfjs-backend-cpu';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { crossEntropy, headLogits } from '#jit/ops/loss-head.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { reshape, slice, type Tensor, tensor } from '#jit/ops.js';
import { bitsAt, normalAt, streamKey } from '#jit/random.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { causalModel } from '#models/abilities.js';
import type { Decoder } from '#models/decoder.js';
import { buildModel } from '#models/families/registry.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { MemoryPlan } from '#runtime/memory-plan.js';
import { oneOfEachFamily } from '../../test/families.js';
import { hasGatedDelta } from '../../test/gated-delta.js';
import { absoluteError, tolerances } from '../../test/tolerances.js';

const families = join(import.meta.dirname, '../../test/fixtures/families');
const openFamily = (name: string) => openModelFolder(join(families, name));

const [B, L] = [2, 12];
const rows = B * L;
const blockSpec: ProgramSpec['data'] = {
  tokens: { shape: [rows], dtype: 'int32' },
  positions: { shape: [rows], dtype: 'int32' },
  segments: { shape: [B, L], dtype: 'int32' },
};

interface Block {
  readonly tokens: Int32Array;
  readonly positions: Int32Array;
  readonly segments: Int32Array;
}

/** Two rows of tokens: the first of two segments, 7 and 5 long, the second of one. */
function blockOf(vocabulary: number, seed = 1): Block {
  const key = streamKey(seed, 0, 'tokens');
  return {
    tokens: Int32Array.from({ length: rows }, (_, i) => bitsAt(key, i) % vocabulary),
    positions: Int32Array.from({ length: rows }, (_, i) => (i >= 7 && i < L ? i - 7 : i % L)),
    segments: Int32Array.from({ length: rows }, (_, i) => (i >= 7 && i < L ? 2 : 1)),
  };
}

/** Runs a program of a model once, compiled. */
async function runOnce(
  program: Program,
  spec: ProgramSpec,
  block: Block,
  {
    state = {},
    recomputedSegments = 0,
  }: { state?: Record<string, Float32Array>; recomputedSegments?: number } = {},
): Promise<{ results: Record<string, Float32Array>; plan: MemoryPlan }> {
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments });
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  const runner = new CompiledRunner({ step: { key: 'step', compile } }, state, options);
  const results = await runner.run('step', { data: { ...block } });
  const plan = await runner.plan('step');
  await runner.close();
  return { results: results as Record<string, Float32Array>, plan };
}

const forward = (decoder: Decoder, data: Readonly<Record<string, Tensor>>): Tensor => {
  const { tokens, positions, segments } = data as Record<keyof Block, Tensor>;
  return headLogits(decoder.forward({ tokens, positions, segments }), decoder.logitsHead);
};

/** Logits [rows][vocabulary] of a block. */
async function logitsOf(model: ModelFolder, block: Block): Promise<number[][]> {
  const decoder = causalModel(buildModel(model.config));
  const program: Program = ({ data, weights }) => {
    decoder.bindParameters(({ name }) => weights[name]!);
    return { outputs: { logits: forward(decoder, data) }, state: {} };
  };
  const spec = { data: blockSpec, scalars: [], state: {}, weights: frozenWeights(model.parameters) };
  const { logits } = (await runOnce(program, spec, block)).results;
  const { vocabSize } = causalModel(model.tree).config;
  return Array.from({ length: rows }, (_, i) => [...logits!.subarray(i * vocabSize, (i + 1) * vocabSize)]);
}

describe.each(oneOfEachFamily)('the logits of %s', (name) => {
  test('of a segment do not depend on another one, nor on tokens that come later', async () => {
    const model = await openFamily(name);
    const block = blockOf(causalModel(model.tree).config.vocabSize);
    const expected = await logitsOf(model, block);
    const change = (isChanged: (row: number) => boolean) => ({
      ...block,
      tokens: block.tokens.map((token, i) =>
        isChanged(i) ? (token + 1) % causalModel(model.tree).config.vocabSize : token,
      ),
    });
    const second = await logitsOf(
      model,
      change((i) => i >= 7 && i < L),
    );
    expect(second.filter((_, i) => i < 7 || i >= L)).toEqual(expected.filter((_, i) => i < 7 || i >= L));
    expect(second.slice(7, L)).not.toEqual(expected.slice(7, L));
    const first = await logitsOf(
      model,
      change((i) => i < 7),
    );
    expect(first.slice(7)).toEqual(expected.slice(7));
    const later = await logitsOf(
      model,
      change((i) => i >= L + 4),
    );
    expect(later.slice(0, L + 4)).toEqual(expected.slice(0, L + 4));
  });

  test('of a packed segment are those of the same tokens by themselves', async () => {
    const model = await openFamily(name);
    const block = blockOf(causalModel(model.tree).config.vocabSize);
    const packed = await logitsOf(model, block);
    const alone: Block = {
      tokens: Int32Array.from({ length: rows }, (_, i) => (i < 5 ? block.tokens[7 + i]! : 0)),
      positions: Int32Array.from({ length: rows }, (_, i) => i % L),
      segments: new Int32Array(rows).fill(1),
    };
    const expected = await logitsOf(model, alone);
    for (let i = 0; i < 5; i++) {
      expect(absoluteError(packed[7 + i]!, expected[i]!)).toBeLessThan(tolerances.logits);
    }
  });
});

/** The loss of a block and its gradient by every weight, all weights given as states. */
function gradientStep(model: ModelFolder): { program: Program; spec: ProgramSpec } {
  const decoder = causalModel(buildModel(model.config));
  const names = [...decoder.parameters()];
  const state = Object.fromEntries(
    names.map(({ name, shape }) => [name, { shape, dtype: 'float32' as const }]),
  );
  return {
    spec: { data: blockSpec, scalars: [], state, weights: {} },
    program: ({ data, state }) => {
      const { value, grads } = valueAndGrads((...tensors: Tensor[]) => {
        const own = new Map(names.map(({ name }, i) => [name, tensors[i]!]));
        decoder.bindParameters(({ name }) => own.get(name)!);
        const weights = tensor(Float32Array.from({ length: rows }, (_, i) => (1 + (i % 3)) / rows));
        return crossEntropy(forward(decoder, data), data['tokens']!, weights);
      })(
        names.map(({ name }) => state[name]!),
        tensor([1, 0]),
      );
      const gradients = names.map(({ name }, i) => [`d ${name}`, grads[i]!] as const);
      return {
        outputs: { loss: reshape(slice(value, [0], [1]), []), ...Object.fromEntries(gradients) },
        state: {},
      };
    },
  };
}

async function weightsOf(model: ModelFolder): Promise<Record<string, Float32Array>> {
  const sources = Object.entries(frozenWeights(model.parameters));
  const read = sources.map(
    async ([name, { shape, source }]) => [name, await readFrozenWeight(source, shape)] as const,
  );
  return Object.fromEntries(await Promise.all(read));
}

/** A family's model; where gated norms divide by roots of next to nothing, with more than that under the root. */
async function openCalm(name: string): Promise<ModelFolder> {
  const model = await openFamily(name);
  if (!hasGatedDelta(model.tree)) return model;
  const config = { ...model.config, rmsNormEps: 0.01 };
  return { ...model, config, tree: buildModel(config) };
}

describe.each([...new Set([...oneOfEachFamily, 'llama-untied', 'llama-linear-rope-bias'])])(
  'the gradient of %s by all of its weights',
  (name) => {
    test('equals the difference of the loss along a random direction', async () => {
      const model = await openCalm(name);
      const { program, spec } = gradientStep(model);
      const block = blockOf(causalModel(model.tree).config.vocabSize);
      const state = await weightsOf(model);
      const direction = Object.fromEntries(
        Object.entries(state).map(([name, values]) => {
          const key = streamKey(2, 0, name);
          return [name, values.map((_, i) => normalAt(key, i))];
        }),
      );
      const { results } = await runOnce(program, spec, block, { state });
      const slope = Object.entries(direction).reduce(
        (sum, [name, values]) => sum + values.reduce((dot, d, i) => dot + d * results[`d ${name}`]![i]!, 0),
        0,
      );
      const step = 1e-4;
      const lossAt = async (by: number) => {
        const moved = Object.entries(state).map(([name, values]) => [
          name,
          values.map((value, i) => value + by * direction[name]![i]!),
        ]);
        const { loss } = (await runOnce(program, spec, block, { state: Object.fromEntries(moved) as never }))
          .results;
        return loss![0]!;
      };
      const difference = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
      expect(Math.abs(difference)).toBeGreaterThan(0.1);
      expect(Math.abs(slope - difference) / Math.abs(difference)).toBeLessThan(tolerances.finiteDifferences);
    });

    test('is that of the steps carried out eagerly', async () => {
      const model = await openCalm(name);
      const { program, spec } = gradientStep(model);
      const block = blockOf(causalModel(model.tree).config.vocabSize);
      const state = await weightsOf(model);
      const { results } = await runOnce(program, spec, block, { state });
      const runner = new EagerRunner({ step: { program, spec } }, state, readFrozenWeight, 'cpu');
      const eager = await runner.run('step', { data: { ...block } });
      await runner.close();
      // A weight that a norm makes up for has a gradient of nothing but rounding, a millionth of the largest of all.
      const largest = Math.max(...Object.values(eager).flatMap((values) => [...values].map(Math.abs)));
      for (const [name, expected] of Object.entries(eager)) {
        const own = Math.max(...[...expected].map(Math.abs));
        const error = absoluteError(results[name]!, expected) / Math.max(own, largest / 100);
        expect(error, name).toBeLessThan(tolerances.compiled);
      }
    });

    test('is the same to the bit with blocks recomputed, in less memory', async () => {
      const model = await openFamily(name);
      const { program, spec } = gradientStep(model);
      const block = blockOf(causalModel(model.tree).config.vocabSize);
      const state = await weightsOf(model);
      const runs = [];
      for (let recomputedSegments = 0; recomputedSegments <= model.config.layers; recomputedSegments++) {
        runs.push(await runOnce(program, spec, block, { state, recomputedSegments }));
      }
      const [none] = runs;
      for (const { results } of runs) expect(results).toEqual(none!.results);
      const bytes = runs.map(({ plan }) => plan.activationBytes);
      expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
      expect(bytes.at(-1)!).toBeLessThan(bytes[0]!);
    });
  },
);

test('the gradient of the embedding is the same in every run, on two threads', async () => {
  const model = await openFamily('llama-untied');
  const { program, spec } = gradientStep(model);
  // Few different tokens: every row of the table gathers many gradients.
  const block = { ...blockOf(3), positions: blockOf(causalModel(model.tree).config.vocabSize).positions };
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  const runner = new CompiledRunner({ step: { key: 'step', compile } }, await weightsOf(model), options);
  const gradient = async () => (await runner.run('step', { data: block }))['d model.embed_tokens.weight'];
  const first = await gradient();
  for (let repeat = 1; repeat < 30; repeat++) expect(await gradient()).toEqual(first);
  expect(first!.some((value) => value !== 0)).toBe(true);
  await runner.close();
});
