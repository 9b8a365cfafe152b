import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { valueAndGrads } from '#jit/differentiate.js';
import { tensor, tidy } from '#jit/ops.js';
import type { Block } from '#data/packing.js';
import { orpo, oddsRatioMeasures } from '#training/objectives/orpo.js';
import { relativeError, tolerances } from '../../../test/tolerances.js';

const lengths = [3, 7, 1, 5, 2, 4];
const weights = [1 / 3, 1 / 3, 1 / 3];

/** The measures and the gradient of the first. */
function measure(logps: readonly number[]): [number[], number[]] {
  return tidy(() => {
    const forward = (x: ReturnType<typeof tensor>) =>
      oddsRatioMeasures(x, tensor(lengths), tensor(weights), 0.1);
    const { value, grads } = valueAndGrads(forward)([tensor([...logps])], tensor([1, 0, 0, 0, 0, 0]));
    return [[...value.dataSync()], [...grads[0]!.dataSync()]] as never;
  }) as [number[], number[]];
}

describe('the measures of odds ratios', () => {
  test('and their gradient are those of ORPOTrainer.odds_ratio_loss of TRL 1.16 and PyTorch', () => {
    const [values, gradient] = measure([-3, -20, -0.5, -6, -0.01, -30]);
    const expected = [
      1.7406710386276245, 0.6666666865348816, 1.4523810148239136, 0.04622697830200195, -1.4523810148239136,
      -2.9016666412353516,
    ];
    expect(relativeError(values, expected)).toBeLessThan(tolerances.loss);
    const slopes = [
      -0.1185901090502739, -0.05266956612467766, -0.33336374163627625, 0.004059172235429287,
      3.340653657913208, 2.992215968333767e-6,
    ];
    expect(relativeError(gradient, slopes)).toBeLessThan(tolerances.loss);
  });

  test('stay finite for answers that are certain, and for those that are out of the question', () => {
    for (const far of [0, -1e4]) {
      const [values, gradient] = measure([far, far, 0, 0, far, -1e4]);
      expect([...values, ...gradient].every(Number.isFinite)).toBe(true);
    }
  });
});

test('a batch tells the tokens of each answer', () => {
  const objective = orpo({ type: 'orpo', beta: 0.1 });
  const segments = Int32Array.from([1, 1, 1, 2, 2, 2, 2, 2, ...Array<number>(24).fill(0)]);
  const block: Block = {
    tokens: segments,
    segments,
    // Of the prompt, the first token of each, nothing is learned.
    trained: Uint8Array.from(segments, (segment, i) => Number(segment > 0 && segments[i - 1] === segment)),
  };
  const source = { blockCount: 1, blockLength: 32, readBlock: () => block };
  const batch = objective.readBatch(source, [0], { batch: 1, length: 32, chunkSize: 8 });
  expect([batch.count, batch.tokens, batch.targets]).toEqual([1, 8, 6]);
  const { answerLengths, pairWeights } = batch.inputs(1);
  expect([...answerLengths!]).toEqual([2, 1, 4, 1]);
  expect([...pairWeights!]).toEqual([1, 0]);
});
