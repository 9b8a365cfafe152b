import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadTfjsNode } from '#runtime/tfjs-node.js';
import { runTinyTraining } from '../kernels/tiny-training.js';
import { absoluteError, relativeError, tolerances } from '../tolerances.js';
import { tfjsNodeFolder } from './places.js';

const fixtures = join(import.meta.dirname, '../fixtures');

test('a training run with dropout and accumulation gives the same numbers on tfjs-node as compiled', async () => {
  const { backend } = loadTfjsNode('tfjs-node', tfjsNodeFolder());
  const eager = await runTinyTraining(fixtures, { backend });
  const compiled = await runTinyTraining(fixtures, { device: 'cpu' });
  expect(absoluteError(eager.losses, compiled.losses)).toBeLessThan(tolerances.loss);
  expect(relativeError(eager.norms, compiled.norms)).toBeLessThan(tolerances.compiled);
  expect(relativeError(eager.parameters, compiled.parameters)).toBeLessThan(tolerances.trainedWeights);
});

test('a training run on tfjs-node repeats itself bit for bit', async () => {
  const { backend } = loadTfjsNode('tfjs-node', tfjsNodeFolder());
  const first = await runTinyTraining(fixtures, { backend });
  expect(await runTinyTraining(fixtures, { backend })).toEqual(first);
});
