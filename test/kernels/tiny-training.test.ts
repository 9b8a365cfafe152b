import '@tensorflow/tfjs-backend-cpu';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { relativeError, tolerances } from '../tolerances.js';
import { runTinyTraining } from './tiny-training.js';

const fixtures = join(import.meta.dirname, '../fixtures');

test('a training run with dropout and accumulation gives the same numbers compiled as eagerly', async () => {
  const eager = await runTinyTraining(fixtures, { backend: 'cpu' });
  const compiled = await runTinyTraining(fixtures, { device: 'cpu' });
  expect(relativeError(compiled.losses, eager.losses)).toBeLessThan(tolerances.compiled);
  expect(relativeError(compiled.norms, eager.norms)).toBeLessThan(tolerances.compiled);
  expect(relativeError(compiled.parameters, eager.parameters)).toBeLessThan(tolerances.trainedWeights);
});

test('recomputing layers in the backward pass changes no bit of a training run', async () => {
  const kept = await runTinyTraining(fixtures, { device: 'cpu' });
  const recomputed = await runTinyTraining(fixtures, { device: 'cpu', recomputedSegments: 2 });
  expect(recomputed).toEqual(kept);
});
