import '@tensorflow/tfjs-backend-cpu';
import { expect, test } from 'vitest';
import { setBackendNow, tensor, tidy } from '#jit/ops.js';
import { rotaryTable } from '#nn/rotary-table.js';
import { absoluteError, tolerances } from '../../test/tolerances.js';

test('the table holds cos and sin of position times frequency, scaled', () => {
  setBackendNow('cpu');
  const positions = [0, 1, 7, 0, 63];
  const inverseFrequencies = Float32Array.of(1, 0.1);
  const found = tidy(() => {
    const table = rotaryTable(tensor(Int32Array.from(positions)), {
      inverseFrequencies,
      attentionScaling: 1.5,
    });
    return [table.cos, table.sin].map((x) => [x.shape, x.dataSync()]) as never;
  }) as [number[], Float32Array][];
  const expected = (turn: (angle: number) => number) =>
    positions.flatMap((position) => [...inverseFrequencies].map((f) => 1.5 * turn(position * f)));
  for (const [i, turn] of [Math.cos, Math.sin].entries()) {
    expect(found[i]![0]).toEqual([5, 2]);
    expect(absoluteError(found[i]![1], expected(turn))).toBeLessThan(tolerances.compiled);
  }
});
