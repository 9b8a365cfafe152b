import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { flatAdapter } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { BucketModel, bucketLengths, cacheLengths, type RunnerChoice } from '#generation/bucket-model.js';
import { generateTokens } from '#generation/generate-tokens.js';
import type { AdapterNumbers } from '#generation/next-token-model.js';
import { greedy } from '#generation/sampling.js';
import { bitsAt, streamKey } from '#jit/random.js';
import { causalModel } from '#models/abilities.js';
import { buildModel } from '#models/families/registry.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { readSafetensorsHeader, readTensorI32 } from '#models/safetensors.js';
import { familyNames, oneOfEachFamily } from '../../test/families.js';
import { hasGatedDelta } from '../../test/gated-delta.js';
import { absoluteError, gatedDeltaTolerances, tolerances } from '../../test/tolerances.js';

const fixtures = join(import.meta.dirname, '../../test/fixtures');
const compiled: RunnerChoice = {
  kind: 'compiled',
  device: 'cpu',
  threads: 2,
  spin: false,
  cacheFolder: undefined,
};
const eager: RunnerChoice = { kind: 'eager', backend: 'cpu' };

let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(join(tmpdir(), 'generation-'))));
afterAll(() => rm(scratch, { recursive: true }));

const openFamily = (name: string) => openModelFolder(join(fixtures, 'families', name));

/** The same model with room for other many tokens. */
function withPositions(model: ModelFolder, maxPositionEmbeddings: number): ModelFolder {
  const config = { ...model.config, maxPositionEmbeddings };
  return { ...model, config, tree: buildModel(config) };
}

function someTokens(length: number, vocabulary: number): number[] {
  const key = streamKey(3, 0, 'tokens');
  return Array.from({ length }, (_, i) => bitsAt(key, i) % vocabulary);
}

async function loadAdapter(name: string) {
  const model = await openFamily('llama');
  const adapter = await readAdapter(join(fixtures, 'lora', name, 'final'), { model: model.tree });
  return { model, adapter: flatAdapter(adapter) };
}

test('lengths of buckets double up to the limit, those of caches are fewer', () => {
  expect(bucketLengths(300)).toEqual([64, 128, 256, 300]);
  expect(bucketLengths(256)).toEqual([64, 128, 256]);
  expect(bucketLengths(20)).toEqual([20]);
  expect(cacheLengths(2000)).toEqual([256, 1024, 2000]);
  expect(cacheLengths(20)).toEqual([20]);
});

describe('greedy tokens are those of transformers', () => {
  const hasGreedy = (name: string) => !/-(bf16|f16-sharded)$/.test(name);

  test.each([
    ...familyNames.filter(hasGreedy).map((family) => ({ family, runner: compiled })),
    ...oneOfEachFamily.map((family) => ({ family, runner: eager })),
  ])('of $family, $runner.kind', async ({ family, runner }) => {
    const model = await openFamily(family);
    const golden = await readSafetensorsHeader(join(model.folder, 'expected.safetensors'));
    const expected = await readTensorI32(golden, golden.tensors.get('greedy')!);
    const prompt = [...expected.subarray(0, expected.length - 10)];
    const buckets = BucketModel.create({ model, modules: [], runner });
    const tokens = [...prompt];
    const options = { sampling: greedy, request: 0, maxTokens: 10, stopIds: [], adapter: undefined };
    for await (const { token } of generateTokens(buckets, prompt, options)) tokens.push(token);
    expect(tokens).toEqual([...expected]);
    await buckets.close();
  });
});

test('a sequence gives the same logits in buckets of different length', async () => {
  const model = await openFamily('llama');
  const long = withPositions(model, 200);
  const tokens = someTokens(70, causalModel(model.tree).config.vocabSize);
  const results = [];
  for (const maxLength of [70, 100, undefined]) {
    const buckets = BucketModel.create({ model: long, modules: [], runner: compiled, maxLength });
    expect(buckets.maxLength).toBe(maxLength ?? 200);
    results.push(await buckets.open(undefined).extend(tokens));
    await buckets.close();
  }
  for (const other of results.slice(1))
    expect(absoluteError(other, results[0]!)).toBeLessThan(tolerances.logits);
});

describe('one token after the other', () => {
  // A table of learned positions ends where it ends.
  const withoutTable = oneOfEachFamily.filter((family) => family !== 'gpt2');

  test.each([
    ...withoutTable.map((family) => ({ family, runner: compiled })),
    { family: 'mistral', runner: eager },
  ])('gives the logits of all at once, of $family, $runner.kind', async ({ family, runner }) => {
    const model = await openFamily(family);
    const long = withPositions(model, 300);
    const tolerance = hasGatedDelta(model.tree) ? gatedDeltaTolerances.cachedLogits : tolerances.logits;
    const tokens = someTokens(260, causalModel(model.tree).config.vocabSize);
    const buckets = BucketModel.create({ model: long, modules: [], runner });
    // Three sequences in turn: with a bucket shorter than the cache, within a cache and filling it.
    const starts = [60, 250, 256];
    const sequences = starts.map(() => buckets.open(undefined));
    for (const [i, start] of starts.entries()) await sequences[i]!.extend(tokens.slice(0, start));
    for (const length of [257, 258, 260]) {
      const expected = await buckets.open(undefined).extend(tokens.slice(0, length));
      for (const [i, start] of starts.entries()) {
        const logits = await sequences[i]!.extend(tokens.slice(start, length));
        expect(absoluteError(logits, expected)).toBeLessThan(tolerance);
        starts[i] = length;
      }
    }
    await buckets.close();
  });
});

describe('with an adapter', () => {
  test.each([compiled, eager])(
    'that is off the logits are the base model’s to the bit, $kind',
    async (runner) => {
      const { model, adapter } = await loadAdapter('all-linear-rslora');
      const tokens = someTokens(9, causalModel(model.tree).config.vocabSize);
      const base = BucketModel.create({ model, modules: [], runner });
      const adapted = BucketModel.create({ model, modules: adapter.modules, runner });
      const logitsOf = async (buckets: BucketModel, adapter: AdapterNumbers | undefined) => {
        const sequence = buckets.open(adapter);
        return [await sequence.extend(tokens), await sequence.extend([1])];
      };
      const expected = await logitsOf(base, undefined);
      const on = await logitsOf(adapted, adapter);
      expect(await logitsOf(adapted, undefined)).toEqual(expected);
      expect(on).not.toEqual(expected);
      expect(await logitsOf(adapted, adapter)).toEqual(on);
      await Promise.all([base.close(), adapted.close()]);
    },
  );

  test('answers that alternate between two adapters are what each gives alone', async () => {
    const { model, adapter } = await loadAdapter('qv');
    const other = { parameters: adapter.parameters.map((value) => -2 * value) };
    const buckets = BucketModel.create({ model, modules: adapter.modules, runner: compiled });
    const options = { sampling: greedy, request: 0, maxTokens: 12, stopIds: [] };
    const run = async (adapter: AdapterNumbers | undefined) => {
      const tokens: number[] = [];
      const prompt = someTokens(5, causalModel(model.tree).config.vocabSize);
      for await (const { token } of generateTokens(buckets, prompt, { ...options, adapter })) {
        tokens.push(token);
      }
      return tokens;
    };
    const all = [adapter, other, undefined];
    const alone = [];
    for (const one of all) alone.push(await run(one));
    expect(new Set(alone.map(String)).size).toBeGreaterThan(1);
    expect(await Promise.all(all.map(run))).toEqual(alone);
    await buckets.close();
  });
});

test('adapters of one layout share one graph', async () => {
  const cacheFolder = join(scratch, 'shared');
  const { model, adapter } = await loadAdapter('qv');
  const others = adapter.modules.map((module) => ({ ...module, A: new Float32Array(3) }));
  for (const layers of [adapter.modules, others]) {
    const runner = { ...compiled, cacheFolder };
    const buckets = BucketModel.create({ model, modules: layers, runner });
    const sequence = buckets.open(adapter);
    await sequence.extend([1, 2, 3]);
    await sequence.extend([4]);
    await buckets.close();
  }
  expect(await readdir(cacheFolder)).toHaveLength(2);
});

test('a token outside of the vocabulary is refused', async () => {
  const model = await openFamily('llama');
  const buckets = BucketModel.create({ model, modules: [], runner: compiled });
  await expect(buckets.open(undefined).extend([1, 96])).rejects.toMatchObject({
    code: 'token_out_of_range',
    details: { token: 96, vocabSize: 96 },
  });
  await buckets.close();
});

test('a graph from the cache answers without TensorFlow.js', async () => {
  const cacheFolder = join(scratch, 'cache');
  const answerWith = async (cacheFolder: string) => {
    const { BucketModel } = await import('#generation/bucket-model.js');
    const model = await openFamily('llama');
    const runner = { ...compiled, cacheFolder };
    const buckets = BucketModel.create({ model, modules: [], runner });
    const sequence = buckets.open(undefined);
    await sequence.extend([1, 2, 3]);
    const logits = await sequence.extend([4]);
    await buckets.close();
    return logits;
  };
  const first = await answerWith(cacheFolder);
  expect(await readdir(cacheFolder)).toEqual(Array(2).fill(expect.stringMatching(/\.graph$/)));
  vi.resetModules();
  const shut = () => {
    throw new Error('TensorFlow.js was loaded');
  };
  const door = { tensorflow: shut, operation: () => shut, whenOpened: () => undefined };
  vi.doMock('#jit/door.js', () => door);
  try {
    expect(await answerWith(cacheFolder)).toEqual(first);
    await expect(answerWith(join(scratch, 'empty'))).rejects.toThrow('TensorFlow.js was loaded');
  } finally {
    vi.doUnmock('#jit/door.js');
    vi.resetModules();
  }
});
