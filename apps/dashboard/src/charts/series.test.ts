import { expect, test } from 'vitest';
import type { MetricObject } from '#contracts/http/streams.js';
import { curvesOf, last, smooth } from './series.js';

const metric = (step: number, kind: MetricObject['kind'], values: MetricObject['values']): MetricObject => ({
  id: `${kind}-${step}`,
  object: 'fine_tuning.job.metric',
  created_at: 0,
  seq: 1,
  step,
  kind,
  values,
});

test('steps and evaluations share one axis', () => {
  const curves = curvesOf([
    metric(0, 'evaluation', { loss: 5 }),
    metric(1, 'step', { loss: 4 }),
    metric(2, 'step', { loss: 3 }),
    metric(2, 'evaluation', { loss: 3.5 }),
    metric(2, 'samples', { samples: [] }),
  ]);
  expect(curves.steps).toEqual([0, 1, 2]);
  expect(curves.loss).toEqual([null, 4, 3]);
  expect(curves.validationLoss).toEqual([5, null, 3.5]);
  expect(last(curves.validationLoss)).toBe(3.5);
});

test('smoothing begins at the first value, keeps gaps and leaves a constant alone', () => {
  expect(smooth([1, 2], 0)).toEqual([1, 2]);
  const constant = smooth([2, null, 2, 2], 0.9);
  expect(constant[1]).toBeNull();
  for (const i of [0, 2, 3]) expect(constant[i]).toBeCloseTo(2, 12);
});
