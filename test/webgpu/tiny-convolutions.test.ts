import '@tensorflow/tfjs-backend-cpu';
import { expect, test } from 'vitest';
import { runTinyConvolutions } from '../kernels/tiny-convolutions.js';
import { relativeError, tolerances } from '../tolerances.js';

test('twenty steps of a convolutional net with injected layers give the same numbers on WebGPU as eagerly', async () => {
  const eager = await runTinyConvolutions({ backend: 'cpu' });
  const compiled = await runTinyConvolutions({ device: 'webgpu' });
  expect(relativeError(compiled.losses, eager.losses)).toBeLessThan(tolerances.compiled);
  expect(relativeError(compiled.parameters, eager.parameters)).toBeLessThan(tolerances.trainedWeights);
});
