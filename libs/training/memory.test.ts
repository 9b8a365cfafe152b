import { describe, expect, test } from 'vitest';
import type { MemoryPlan } from '#runtime/memory-plan.js';
import type { MemoryPrediction } from '#training/events.js';
import { ChoiceBook } from '#training/auto-options.js';
import { fitMemory } from '#training/fit-memory.js';
import { chooseRecompute, type MemoryLimit, memoryLimit, predictMemory } from '#training/memory.js';
import { parseTrainingOptions, type TrainingOptionsInput } from '#training/options.js';
import type { StepName } from '#training/step-programs.js';

const limitOf = (bytes: number, given = true): MemoryLimit => ({ bytes, source: 'a test', given });
const plan = (activationBytes: number): MemoryPlan => ({
  activationBytes,
  weightBytes: 50,
  boundaryBytes: 5,
});

test('weights of graphs that are loaded together count once, working memory of each', () => {
  const base = { baseBytes: 100, stateBytes: 10, limit: limitOf(1000) };
  expect(predictMemory([plan(200), plan(20)], base)).toMatchObject({
    base_bytes: 100,
    weight_bytes: 50,
    activation_bytes: 242,
    state_bytes: 20,
    peak_bytes: 412,
    limit_bytes: 1000,
  });
});

test('a limit that is written is taken as it is', () => {
  expect(memoryLimit(123, 0)).toMatchObject({ bytes: 123, given: true });
});

test('a limit that is found leaves room and is not kept to by force', () => {
  const found = memoryLimit('auto', 0);
  expect(found.given).toBe(false);
  expect(found.bytes).toBeGreaterThan(0);
});

describe('the number of recomputed layers', () => {
  const layers = 30;
  /** 1,000 without recomputation, 20 less for each layer. */
  const choose = async (limit: number) => {
    const looked: number[] = [];
    const choice = await chooseRecompute(layers, limit, (recomputed) => {
      looked.push(recomputed);
      return Promise.resolve({ peak_bytes: 1000 - 20 * recomputed } as MemoryPrediction);
    });
    return { layers: choice.layers, looked };
  };

  test('is 0 where everything fits, after one look', async () => {
    expect(await choose(1000)).toEqual({ layers: 0, looked: [0] });
  });

  test.each([
    [999, 1],
    [700, 15],
    [690, 16],
    [401, 30],
    [400, 30],
  ])('is the least that fits %i bytes', async (limit, expected) => {
    const { layers: chosen, looked } = await choose(limit);
    expect(chosen).toBe(expected);
    expect(looked.length).toBeLessThanOrEqual(7);
  });

  test('is all where nothing fits', async () => {
    expect(await choose(399)).toEqual({ layers: 30, looked: [0, 30] });
  });
});

describe('fitting a run', () => {
  /** 100 bytes for each block, 40 if all of 10 layers are recomputed. */
  const fit = (options: TrainingOptionsInput, limit: MemoryLimit, batchSize = 4) => {
    const parsed = parseTrainingOptions(options);
    return fitMemory({
      options: parsed,
      book: new ChoiceBook(parsed),
      layers: 10,
      steps: ['train'],
      batchSize,
      graphsFor: (batch: number) => ({
        graph: (_: StepName, recompute: number) =>
          Promise.resolve({ plan: plan(batch * (100 - 6 * recompute)) } as never),
      }),
      stateBytes: 0,
      limit,
      heldBytes: () => -100_000_000,
    });
  };

  test('recomputes before it makes micro-batches smaller', async () => {
    expect(await fit({}, limitOf(260))).toMatchObject({ batchSize: 4, recompute: 9, warning: undefined });
    expect(await fit({}, limitOf(160))).toMatchObject({ batchSize: 2, recompute: 9 });
  });

  test('keeps what was written, and says what to change', async () => {
    const options = { batch_size: 4, recompute: false };
    await expect(fit(options, limitOf(260))).rejects.toMatchObject({
      code: 'out_of_memory_predicted',
      message: expect.stringMatching(/set recompute to true, or lower batch_size/) as unknown,
    });
  });

  test('only warns of a limit that was found', async () => {
    const result = await fit({ recompute: true }, limitOf(10, false), 1);
    expect(result).toMatchObject({ batchSize: 1, recompute: 10 });
    expect(result.warning).toMatch(/lower block_length/);
  });
});
