import { expect, it } from 'vitest';
import type { Batch } from '#data/batch.js';
import { runPretraining, type LossReading } from './pretraining.js';
import { learningRateAt, pretrainingRecipe } from './recipe.js';

const recipe = { ...pretrainingRecipe, steps: 5, warmupSteps: 2, batchSize: 2, blockLength: 4 };
const data = {
  training: [
    [1, 5, 6, 2],
    [1, 7, 2],
  ],
  heldOut: [
    [1, 8, 9, 2],
    [1, 8, 8, 8, 2],
  ],
};

it('the loop steps through the schedule and reads losses at intervals and at the end', async () => {
  const rates: number[] = [];
  const measured: (readonly Batch[])[] = [];
  const reported: LossReading[] = [];
  const readings = await runPretraining(
    {
      trainStep({ tokens }, learningRate) {
        expect(tokens).toHaveLength(recipe.batchSize * recipe.blockLength);
        expect(tokens).not.toContain(8);
        rates.push(learningRate);
        return Promise.resolve(10 - rates.length);
      },
      evaluate(batches) {
        measured.push(batches);
        return Promise.resolve(3);
      },
    },
    recipe,
    data,
    { readingEvery: 2, onReading: (reading) => reported.push(reading) },
  );
  expect(rates).toEqual(Array.from({ length: 5 }, (_, step) => learningRateAt(recipe, step)));
  expect(readings).toEqual([
    { step: 2, trainingLoss: 8.5, heldOutLoss: 3 },
    { step: 4, trainingLoss: 6.5, heldOutLoss: 3 },
    { step: 5, trainingLoss: 5, heldOutLoss: 3 },
  ]);
  expect(reported).toEqual(readings);
  expect(measured[0]).toHaveLength(1);
  expect(measured[2]).toEqual(measured[0]);
});
