import '@tensorflow/tfjs-backend-cpu';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTinyTraining } from '../kernels/tiny-training.js';
import { relativeError, tolerances } from '../tolerances.js';

const fixtures = join(import.meta.dirname, '../fixtures');

test('a training run with dropout and accumulation gives the same numbers on WebGPU as eagerly', async () => {
  const eager = await runTinyTraining(fixtures, { backend: 'cpu' });
  const compiled = await runTinyTraining(fixtures, { device: 'webgpu' });
  expect(relativeError(compiled.losses, eager.losses)).toBeLessThan(tolerances.compiled);
  expect(relativeError(compiled.norms, eager.norms)).toBeLessThan(tolerances.compiled);
  expect(relativeError(compiled.parameters, eager.parameters)).toBeLessThan(tolerances.trainedWeights);
});
