import { expect, test } from 'vitest';
import { estimateTime } from '#jobs/time-estimate.js';
import { countWork } from '#training/speed/count-work.js';

const run = {
  steps: 100,
  width: 256,
  rows: 128,
  layers: 4,
  pace: 1,
  stepOperations: 1e9,
  evaluationOperations: 2e10,
};
const processor = (cores: number) => ({ cores, speed: null });

test('a job like an earlier one takes about as long', () => {
  const time = estimateTime(run, [{ operations: 1e9, secondsPerStep: 0.5 }], processor(2))!;
  expect(time).toMatchObject({ basis: 'jobs', jobs: 1, operations: 1.2e11, cores: null });
  expect(time.lowSeconds).toBeLessThan(60);
  expect(time.highSeconds).toBeGreaterThan(60);
  expect(time.highSeconds).toBeLessThan(120);
});

test('the farther the earlier job, the wider the range, and only the nearest five count', () => {
  const spread = (operations: number) => {
    const time = estimateTime(run, [{ operations, secondsPerStep: operations / 2e9 }], processor(2))!;
    return time.highSeconds / time.lowSeconds;
  };
  expect(spread(1e8)).toBeGreaterThan(spread(5e8));
  const near = Array.from({ length: 5 }, () => ({ operations: 1e9, secondsPerStep: 0.5 }));
  const far = { operations: 1e12, secondsPerStep: 1 };
  expect(estimateTime(run, [far, ...near], processor(2))).toEqual(estimateTime(run, near, processor(2)));
});

test('without an earlier job the operations and the cores tell, and without cores nothing does', () => {
  const time = estimateTime(run, [], processor(2))!;
  expect(time).toMatchObject({ basis: 'operations', jobs: 0, cores: 2 });
  expect(time.highSeconds).toBeGreaterThan(time.lowSeconds);
  expect(estimateTime(run, [], processor(4))!.highSeconds).toBeLessThan(time.highSeconds);
  expect(estimateTime(run, [], null)).toBeNull();
});

test('without an earlier job the measured speed tells, between its points and beyond them', () => {
  const at = (width: number, rows: number, operationsPerSecond: number) => ({
    width,
    rows,
    operationsPerSecond,
  });
  const speed = {
    points: [at(128, 64, 1e9), at(128, 512, 4e9), at(512, 64, 4e9), at(512, 512, 16e9)],
    compileSecondsPerLayer: 0.5,
    processorShare: 1,
  };
  const seconds = (width: number, rows: number) => {
    const time = estimateTime({ ...run, width, rows }, [], { cores: 2, speed })!;
    expect(time).toMatchObject({ basis: 'machine', jobs: 0, cores: null });
    // Without what starting and compiling take.
    return Math.sqrt(time.lowSeconds * time.highSeconds) - 1.5 - 4 * 0.5;
  };
  expect(seconds(128, 64)).toBeCloseTo(120);
  expect(seconds(512, 512)).toBeCloseTo(7.5);
  expect(seconds(256, 64)).toBeCloseTo(60);
  expect(seconds(64, 8)).toBeCloseTo(120);
  expect(seconds(4096, 4096)).toBeCloseTo(7.5);
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

test('a rounded base changes the time in proportion where only the machine is known', () => {
  const processor = { cores: 2, speed: null };
  const [plain, quick] = [
    estimateTime(run, [], processor)!,
    estimateTime({ ...run, pace: 2 }, [], processor)!,
  ];
  expect(plain.highSeconds - 20).toBeCloseTo(2 * (quick.highSeconds - 20));
});
