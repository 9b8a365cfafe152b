import { expect, test } from 'vitest';
import { estimateTime } from '#jobs/time-estimate.js';
import { countWork } from '#jobs/work.js';

const run = { steps: 100, stepOperations: 1e9, evaluationOperations: 2e10 };

test('a job like an earlier one takes about as long', () => {
  const time = estimateTime(run, [{ operations: 1e9, secondsPerStep: 0.5 }], 2)!;
  expect(time).toMatchObject({ basis: 'jobs', jobs: 1, operations: 1.2e11, cores: null });
  expect(time.lowSeconds).toBeLessThan(60);
  expect(time.highSeconds).toBeGreaterThan(60);
  expect(time.highSeconds).toBeLessThan(120);
});

test('the farther the earlier job, the wider the range, and only the nearest five count', () => {
  const spread = (operations: number) => {
    const time = estimateTime(run, [{ operations, secondsPerStep: operations / 2e9 }], 2)!;
    return time.highSeconds / time.lowSeconds;
  };
  expect(spread(1e8)).toBeGreaterThan(spread(5e8));
  const near = Array.from({ length: 5 }, () => ({ operations: 1e9, secondsPerStep: 0.5 }));
  const far = { operations: 1e12, secondsPerStep: 1 };
  expect(estimateTime(run, [far, ...near], 2)).toEqual(estimateTime(run, near, 2));
});

test('without an earlier job the operations and the cores tell, and without cores nothing does', () => {
  const time = estimateTime(run, [], 2)!;
  expect(time).toMatchObject({ basis: 'operations', jobs: 0, cores: 2 });
  expect(time.highSeconds).toBeGreaterThan(time.lowSeconds);
  expect(estimateTime(run, [], 4)!.highSeconds).toBeLessThan(time.highSeconds);
  expect(estimateTime(run, [], null)).toBeNull();
});

test('operations are two for each weight and position forward, and as many backward', () => {
  const shape = {
    hiddenSize: 8,
    vocabSize: 10,
    tieWordEmbeddings: true,
    attentions: [],
    parameterCount: 1000,
    trainableParameters: 0,
    blockLength: 16,
    batchSize: 2,
  };
  expect(countWork({ ...shape, accumulation: 3 }).step).toBe(3 * 2 * 16 * 4 * 1000);
  expect(countWork({ ...shape, accumulation: 3 }).evaluationBatch).toBe(2 * 16 * 2 * 1000);
  const untied = { ...shape, tieWordEmbeddings: false, accumulation: 1 };
  expect(countWork(untied).step).toBe(2 * 16 * 4 * (1000 - 80));
  // A score and a share of a value for each head, half of the positions seen: forward, and twice backward.
  const attentions = [
    { heads: 2, headDim: 4 },
    { heads: 1, headDim: 8 },
  ];
  expect(countWork({ ...shape, attentions, accumulation: 1 }).step).toBe(
    2 * 16 * (4 * 1000 + 3 * 2 * 16 * (2 * 4 + 8)),
  );
});
