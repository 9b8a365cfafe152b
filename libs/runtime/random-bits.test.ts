import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { sizeOf } from '#base/shapes.js';
import { dropout, randomBits } from '#jit/ops/random-bits.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { onesLike, reshape, slice, type Tensor, sum } from '#jit/ops.js';
import { streamKeys } from '#jit/random.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import { tolerances } from '../../test/tolerances.js';

/** Runs a function of x (of ones) and of the keys of two sites, eagerly and compiled. */
async function runBoth(
  shape: readonly number[],
  keys: Int32Array,
  run: (x: Tensor, keys: Tensor) => Tensor,
): Promise<number[][]> {
  const spec: ProgramSpec = {
    data: { x: { shape, dtype: 'float32' }, keys: { shape: [2, 2], dtype: 'int32' } },
    scalars: [],
    state: {},
    weights: {},
  };
  const program: Program = ({ data }) => ({ outputs: { y: run(data['x']!, data['keys']!) }, state: {} });
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  const runners = [
    new EagerRunner({ step: { program, spec } }, {}, () => Promise.reject(new Error('none')), 'cpu'),
    new CompiledRunner({ step: { key: 'bits', compile } }, {}, options),
  ];
  const results: number[][] = [];
  for (const runner of runners) {
    const { y } = await runner.run('step', { data: { x: new Float32Array(sizeOf(shape)).fill(1), keys } });
    results.push(Array.from(y!));
    await runner.close();
  }
  return results;
}

const keysOf = (step: number) => streamKeys(11, step, ['first', 'second']);
const shapes = [[1], [2], [3], [7, 11], [1, 1, 5], [64, 33], [255], [2, 576]];

describe('eager and compiled', () => {
  test.each(shapes.map((shape) => ({ shape })))('random bits are the same, $shape', async ({ shape }) => {
    const [eager, compiled] = await runBoth(shape, keysOf(3), (_, keys) =>
      randomBits(reshape(slice(keys, [1, 0], [1, 2]), [2]), shape),
    );
    expect(compiled).toEqual(eager);
    expect(eager!.every((bits) => bits >= 0 && bits < 65_536)).toBe(true);
  });

  test.each(shapes.map((shape) => ({ shape })))('dropout drops the same, $shape', async ({ shape }) => {
    for (const rate of [0.05, 0.5, 0.9]) {
      const [eager, compiled] = await runBoth(shape, keysOf(4), (x, keys) => dropout(x, rate, keys, 0));
      expect(compiled).toEqual(eager);
    }
  });

  test('the gradient drops what the forward pass dropped', async () => {
    const shape = [9, 13];
    const forward = await runBoth(shape, keysOf(5), (x, keys) => dropout(x, 0.4, keys, 1));
    const backward = await runBoth(
      shape,
      keysOf(5),
      (x, keys) => valueAndGrads((x: Tensor) => sum(dropout(x, 0.4, keys, 1)))([onesLike(x)]).grads[0]!,
    );
    expect(backward).toEqual(forward);
  });
});

describe('dropout', () => {
  const shape = [200, 501];
  const count = sizeOf(shape);
  const kept = (values: readonly number[]) => values.reduce((sum, value) => sum + Number(value !== 0), 0);

  test.each([0.01, 0.05, 0.1, 0.5])('keeps a share of 1 - %d and its sum on average', async (rate) => {
    const [, values] = await runBoth(shape, keysOf(6), (x, keys) => dropout(x, rate, keys, 0));
    // Five standard deviations of a binomial share.
    const spread = 5 * Math.sqrt((rate * (1 - rate)) / count);
    expect(Math.abs(kept(values!) / count - (1 - rate))).toBeLessThan(spread);
    const scale = Math.max(...values!);
    expect(Math.abs(scale * (1 - rate) - 1)).toBeLessThan(tolerances.compiled);
    expect(new Set(values)).toEqual(new Set([0, scale]));
  });

  test('drops others at another site and in another step, as often together as chance would', async () => {
    const masks: number[][] = [];
    for (const [step, site] of [
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      masks.push((await runBoth(shape, keysOf(step), (x, keys) => dropout(x, 0.5, keys, site)))[1]!);
    }
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      const both = masks[a]!.reduce((sum, value, i) => sum + Number(value !== 0 && masks[b]![i] !== 0), 0);
      expect(Math.abs(both / count - 0.25)).toBeLessThan(5 * Math.sqrt(0.1875 / count));
    }
  });

  test('with rate 0 is nothing at all', async () => {
    const [eager, compiled] = await runBoth([5], keysOf(1), (x, keys) => dropout(x, 0, keys, 0));
    expect([eager, compiled]).toEqual([Array(5).fill(1), Array(5).fill(1)]);
  });
});
