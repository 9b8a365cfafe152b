import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Composition } from '#adapters/composition.js';
import { type FlatAdapter, flatAdapter } from '#adapters/flat-factors.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import type { ChatTemplate } from '#data/chat-template.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { BucketModel, type RunnerChoice } from '#generation/bucket-model.js';
import { type CompletionOptions, createGenerator } from '#generation/generator.js';
import { generateTokens } from '#generation/generate-tokens.js';
import { greedy } from '#generation/sampling.js';
import type { TargetModule } from '#lora/target-module.js';
import { openModelFolder } from '#models/model-folder.js';
import { absoluteError, tolerances } from '../tolerances.js';

const fixtures = join(import.meta.dirname, '../fixtures');
const folders = [0, 1, 2].map((i) => join(fixtures, `compose/mixed/adapter-${i}`));
const prompt = [5, 9, 2, 31, 7, 7, 3];
const runners: RunnerChoice[] = [
  { kind: 'compiled', device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  { kind: 'eager', backend: 'cpu' },
];

let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(join(tmpdir(), 'live-weights-'))));
afterAll(() => rm(scratch, { recursive: true }));

const members = (weights: readonly number[]) =>
  Promise.all(
    folders.map(async (folder, i) => ({ adapter: await openAdapter(folder), weight: weights[i]! })),
  );

async function open(runner: RunnerChoice, modules: readonly TargetModule[], selector = false) {
  const model = await openModelFolder(join(fixtures, 'families/llama'));
  return BucketModel.create({ model, modules, selector: selector ? 'diagonal' : 'identity', runner });
}

/** Logits of a model made for one adapter. */
async function answerAlone(runner: RunnerChoice, adapter?: FlatAdapter): Promise<Float32Array> {
  const model = await open(runner, adapter?.modules ?? []);
  const logits = await model.open(adapter).extend(prompt);
  await model.close();
  return logits;
}

describe.each(runners)('one model under changing weights, $kind', (runner) => {
  test('answers as the exact composition, each member alone and the base model do', async () => {
    const live = await LiveComposition.open(await members([1, 1, 1]));
    const model = await open(runner, live.modules, true);
    const answer = (weights: readonly number[]) => model.open(live.withWeights(weights)).extend(prompt);

    for (const [i, weights] of [
      [0.07, -0.02, 0.05],
      [-0.1, 0.03, 0],
    ].entries()) {
      const out = join(scratch, `${runner.kind} ${i}`);
      await (await Composition.open(await members(weights))).write(out, { kind: 'stacked' });
      const exact = await answerAlone(runner, flatAdapter(await readAdapter(out)));
      expect(absoluteError(await answer(weights), exact)).toBeLessThan(tolerances.mergedLogits);
    }
    const base = await answerAlone(runner);
    for (const [i, folder] of folders.entries()) {
      const alone = await answerAlone(runner, flatAdapter(await readAdapter(folder)));
      expect(absoluteError(alone, base)).toBeGreaterThan(1e-3);
      const weights = [0, 0, 0].with(i, 1);
      expect(absoluteError(await answer(weights), alone)).toBeLessThan(tolerances.logits);
    }
    expect(await answer([0, 0, 0])).toEqual(base);
    expect(await model.open(undefined).extend(prompt)).toEqual(base);
    await model.close();
  });

  test('gives answers under way at the same time what each gives alone', async () => {
    const live = await LiveComposition.open(await members([1, 1, 1]));
    const model = await open(runner, live.modules, true);
    const run = async (weights: readonly number[]) => {
      const adapter = live.withWeights(weights);
      const options = { sampling: greedy, request: 0, maxTokens: 6, stopIds: [], adapter };
      const tokens: number[] = [];
      for await (const { token } of generateTokens(model, prompt, options)) tokens.push(token);
      return tokens;
    };
    const all = [
      [1, 0, 0],
      [0, -2, 0],
      [0, 0, 0],
    ];
    const alone = [];
    for (const weights of all) alone.push(await run(weights));
    expect(new Set(alone.map(String)).size).toBeGreaterThan(1);
    expect(await Promise.all(all.map(run))).toEqual(alone);
    await model.close();
  });
});

test('a generator of a composition answers every request with its weights', async () => {
  const model = await openModelFolder(join(fixtures, 'families/llama'));
  const composition = await LiveComposition.open(await members([1, 0, 0]));
  const tokenizer = {
    prefix: [],
    stopIds: [],
    encodePrompt: () => prompt,
    decode: (ids: readonly number[]) => ids.join(' '),
  } as unknown as Tokenizer;
  const template = {} as ChatTemplate;
  const options = { model, tokenizer, template, composition, runner: runners[0]! };
  const generator = createGenerator(options);
  const answer = async (given: CompletionOptions) =>
    (await generator.complete('', { maxTokens: 6, ...given })).tokens;
  const [first, second, none] = await Promise.all([
    answer({ weights: [1, 0, 0] }),
    answer({ weights: [0, -2, 0] }),
    answer({ weights: [0, 0, 0] }),
  ]);
  expect(first).not.toEqual(second);
  expect(await answer({})).toEqual(first);
  expect(await answer({ useAdapter: false })).toEqual(none);
  await generator.close();
  const adapter = composition.withWeights();
  expect(() => createGenerator({ ...options, adapter })).toThrow(
    expect.objectContaining({ code: 'adapter_ambiguous' }),
  );
});

test('a selector is refused by a model that was made without one', async () => {
  const live = await LiveComposition.open(await members([1, 1, 1]));
  const model = await open(runners[0]!, live.modules);
  expect(() => model.open(live.withWeights())).toThrow(
    /selector has \d+ numbers, but the model was made for 0/,
  );
  await model.close();
});
