import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { valueAndGrads } from '#jit/differentiate.js';
import { tensor, tidy } from '#jit/ops.js';
import type { Block } from '#data/packing.js';
import { dpo, preferenceMeasures } from '#training/objectives/dpo.js';
import { tolerances } from '../../../test/tolerances.js';

const logps = [-3, -5, -4, -6];
const reference = [-3.5, -4, -4.5, -5];
const weights = [0.25, 0.75];
const beta = 0.5;

/** The measures and the gradient of the first. */
function measure(x: readonly number[]): [number[], number[]] {
  return tidy(() => {
    const forward = (x: ReturnType<typeof tensor>) =>
      preferenceMeasures(x, tensor(reference), tensor(weights), beta);
    const { value, grads } = valueAndGrads(forward)([tensor([...x])], tensor([1, 0, 0, 0, 0, 0, 0]));
    return [[...value.dataSync()], [...grads[0]!.dataSync()]] as never;
  }) as [number[], number[]];
}

describe('the measures of preferences', () => {
  test('are those of the paper, as means over pairs', () => {
    const [[loss, accuracy, margin, chosen, rejected, logpsChosen, logpsRejected]] = measure(logps);
    // Rewards: chosen 0.25 and -0.5, rejected 0.25 and -0.5: no margin.
    expect(loss).toBeCloseTo(Math.log(2), 6);
    expect([accuracy, margin]).toEqual([0, 0]);
    expect([chosen, rejected]).toEqual([-0.3125, -0.3125]);
    expect([logpsChosen, logpsRejected]).toEqual([-4.5, -5.5]);
  });

  test('have the gradient that differences of the loss show', () => {
    const x = [-2, -5.5, -4.2, -4];
    const [, gradient] = measure(x);
    const step = 1e-2;
    const differences = x.map((_, i) => {
      const at = (sign: number) =>
        measure(x.map((value, j) => (i === j ? value + sign * step : value)))[0][0]!;
      return (at(1) - at(-1)) / (2 * step);
    });
    for (const [i, value] of gradient.entries())
      expect(Math.abs(value - differences[i]!)).toBeLessThan(tolerances.finiteDifferences * Math.abs(value));
  });

  test('stay finite for margins of any size', () => {
    for (const far of [-1e4, 1e4]) {
      const [values, gradient] = measure([far, far, 0, 0]);
      expect([...values, ...gradient].every(Number.isFinite)).toBe(true);
    }
  });
});

test('a batch has a place for each answer, and weighs the pairs that are there alike', () => {
  const objective = dpo({ type: 'dpo', beta: 0.1, reference: 'start' });
  const segments = (...lengths: number[]) =>
    lengths.flatMap((length, i) => Array<number>(length).fill(i + 1));
  const block = (lengths: number[]): Block => {
    const own = Int32Array.from({ length: 32 }, (_, i) => segments(...lengths)[i] ?? 0);
    return {
      tokens: own.map((segment, i) => (segment > 0 ? i : 0)),
      segments: own,
      trained: Uint8Array.from(own, (segment, i) => Number(segment > 0 && own[i - 1] === segment)),
    };
  };
  const blocks = [block([3, 4, 5, 6]), block([10, 12])];
  const source = {
    blockCount: 2,
    blockLength: 32,
    readBlock: (index: number) => blocks[index]!,
    referenceOf: (index: number) =>
      Float32Array.of(10 * index + 1, 10 * index + 2, 10 * index + 3, 10 * index + 4),
  };
  const batch = objective.readBatch(source, [0, 1], { batch: 3, length: 32, chunkSize: 8 });
  expect([batch.count, batch.tokens, batch.targets]).toEqual([3, 40, 34]);
  const { sequences, reference, pairWeights } = batch.inputs(6);
  // Two pairs a block and three blocks: chosen answers have the places 0 to 5, rejected ones 6 to 11, 12 is none.
  const counts = Array.from({ length: 13 }, (_, place) => sequences!.filter((each) => each === place).length);
  expect(counts).toEqual([2, 4, 9, 0, 0, 0, 3, 5, 11, 0, 0, 0, 62]);
  expect([...reference!]).toEqual([1, 2, 11, 12, 0, 0, 3, 4, 13, 14, 0, 0]);
  expect([...pairWeights!].map((weight) => Math.round(6 * weight))).toEqual([1, 1, 1, 0, 0, 0]);
});
