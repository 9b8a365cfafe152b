import '@tensorflow/tfjs-backend-cpu';
import { expect, test } from 'vitest';
import { relativeError, tolerances } from '../tolerances.js';
import { runTinyConvolutions } from './tiny-convolutions.js';

test('twenty steps of a convolutional net with injected layers give the same numbers compiled as eagerly', async () => {
  const eager = await runTinyConvolutions({ backend: 'cpu' });
  const compiled = await runTinyConvolutions({ device: 'cpu' });
  expect(relativeError(compiled.losses, eager.losses)).toBeLessThan(tolerances.compiled);
  expect(relativeError(compiled.parameters, eager.parameters)).toBeLessThan(tolerances.trainedWeights);
  const late = eager.losses.subarray(15).reduce((sum, loss) => sum + loss, 0) / 5;
  expect(late).toBeLessThan(0.75 * eager.losses[0]!);
});
