import { expect, test } from 'vitest';
import { JobCurves } from './curves.js';
import { columnsOf } from './lines.js';

test('steps and evaluations are one table for spreadsheets', () => {
  const curves = new JobCurves();
  curves.add({ kind: 'evaluation', step: 0, values: { loss: 5, perplexity: 148 } });
  curves.add({ kind: 'samples', step: 0, values: { samples: [] } });
  curves.add({ kind: 'step', step: 1, values: { loss: 4, accuracy: 0.25 } });
  curves.add({ kind: 'step', step: 2, values: { loss: 3, learning_rate: 1e-5 } });
  curves.add({ kind: 'evaluation', step: 2, values: { loss: 3.5, accuracy: 0.5 } });
  expect([curves.firstStep, curves.lastStep]).toEqual([0, 2]);
  expect(curves.csv(columnsOf('supervised')).split('\n')).toEqual([
    'step,loss,accuracy,learning_rate,grad_norm,tokens_per_second,validation_loss,validation_accuracy',
    '0,,,,,,5,',
    '1,4,0.25,,,,,',
    '2,3,,0.00001,,,3.5,0.5',
    '',
  ]);
});
