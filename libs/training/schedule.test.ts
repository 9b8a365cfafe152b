import { expect, test } from 'vitest';
import { learningRateAt, type Schedule } from '#training/schedule.js';

const factors = (schedule: Schedule) =>
  Array.from({ length: schedule.totalSteps + 1 }, (_, step) =>
    Number(learningRateAt(schedule, step).toFixed(6)),
  );

test('linear rises from 0 over the warm-up and falls to 0 at the end', () => {
  expect(factors({ kind: 'linear', warmupSteps: 2, totalSteps: 6 })).toEqual([0, 0.5, 1, 0.75, 0.5, 0.25, 0]);
});

test('constant stays after the warm-up', () => {
  expect(factors({ kind: 'constant', warmupSteps: 1, totalSteps: 3 })).toEqual([0, 1, 1, 1]);
});

test('cosine falls along half a wave', () => {
  expect(factors({ kind: 'cosine', warmupSteps: 0, totalSteps: 4 })).toEqual([1, 0.853553, 0.5, 0.146447, 0]);
});
