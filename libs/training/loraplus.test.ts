import { expect, test } from 'vitest';
import { layOut } from '#nn/flat-state.js';
import { type AdamWOptions, adamWScalarNames, adamWScalars, groupedScalars } from '#training/adamw.js';
import { loraPlusRates, loraPlusSegments } from '#training/loraplus.js';

const layout = layOut([
  { name: 'q.lora_A.weight', shape: [2, 3] },
  { name: 'q.lora_B.weight', shape: [4, 2] },
  { name: 'q.lora_B.bias', shape: [4] },
  { name: 'q.lora_magnitude_vector.weight', shape: [4] },
  { name: 'embed.lora_embedding_A', shape: [2, 5] },
  { name: 'embed.lora_embedding_B', shape: [3, 2] },
  { name: 'lm_head.weight', shape: [5, 3] },
]);
const adamW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: null };
const rates = loraPlusRates({ ratio: 16, embeddingRate: 1e-6, learningRate: 1e-4, weightDecay: 0.1 });

test('parameters are grouped as PEFT groups them, neighbours in one stretch', () => {
  expect(loraPlusSegments(layout)).toEqual([
    { group: 'A', size: 6 },
    { group: 'B', size: 8 },
    { group: 'B_no_decay', size: 4 },
    { group: 'B', size: 4 },
    { group: 'embedding', size: 16 },
    { group: 'A', size: 15 },
  ]);
});

test('every group has the scalars of its own learning rate, at every point of the schedule', () => {
  const options: AdamWOptions = { ...adamW, segments: loraPlusSegments(layout) };
  const scalars = groupedScalars(options, 0.5e-4, 3, rates);
  expect(Object.keys(scalars).toSorted()).toEqual(adamWScalarNames(options).toSorted());
  const ofB = adamWScalars(adamW, 16 * 0.5e-4, 3);
  expect(scalars['stepSize_B']).toBeCloseTo(ofB.stepSize, 12);
  expect(scalars['stepSize_B_no_decay']).toBe(scalars['stepSize_B']);
  expect(scalars['decay_B']).toBeCloseTo(1 - 16 * 0.5e-4 * 0.1, 12);
  expect(scalars['decay_B_no_decay']).toBe(1);
  expect(scalars['stepSize_embedding']).toBeCloseTo(adamWScalars(adamW, 0.5e-6, 3).stepSize, 14);
  expect(scalars['stepSize_A']).toBe(adamWScalars(adamW, 0.5e-4, 3).stepSize);
});
