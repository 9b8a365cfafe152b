import { expect, test } from 'vitest';
import type { WeightSpec } from '#jit/graph.js';
import { loop } from '#jit/ops/loop.js';
import { add, gather, matMul, mul, scalar, square, sum } from '#jit/ops.js';
import { activationsOf } from '#jit/passes/activations.js';
import { recordInputs } from '#jit/passes/record-inputs.js';
import { printGraph } from '#jit/print.js';
import { type Program, trace } from '#jit/trace.js';
import { f32, i32 } from '../../../test/trace-of.js';

const weight = (...shape: number[]): WeightSpec => ({
  shape,
  source: { file: '/weights', offset: 0, byteLength: 0, storage: 'float32' },
});
const traced = (program: Program, weights: Record<string, WeightSpec>) =>
  trace(program, {
    data: { x: f32(4, 3), ids: i32(4) },
    scalars: [],
    state: { a: f32(2, 3) },
    weights,
  });

test('every input of products with frozen weights gets two outputs, one pair for products that share it', () => {
  const graph = traced(
    ({ data, weights: { q, k, o } }) => {
      const x = data['x']!;
      return {
        outputs: { y: matMul(mul(matMul(x, q!, false, true), matMul(x, k!, false, true)), o!) },
        state: {},
      };
    },
    { q: weight(5, 3), k: weight(5, 3), o: weight(5, 2) },
  );
  const recorded = recordInputs(graph);
  expect(recorded.inputs).toEqual([
    {
      weights: [
        { name: 'q', transposed: true },
        { name: 'k', transposed: true },
      ],
      size: 3,
      isLooped: false,
      outputs: { largest: 'largest 0', rows: 'rows 0' },
    },
    {
      weights: [{ name: 'o', transposed: false }],
      size: 5,
      isLooped: false,
      outputs: { largest: 'largest 1', rows: 'rows 1' },
    },
  ]);
  expect(recorded.readOtherwise).toEqual(new Set());
  expect(printGraph(recorded.graph)).toMatchInlineSnapshot(`
    "data x: f32[4,3]
    data ids: i32[4]
    state a: f32[2,3]
    weight q: f32[5,3] stored as float32
    weight k: f32[5,3] stored as float32
    weight o: f32[5,2] stored as float32
    %0: f32[4,5] = BatchMatMul(x, q) {transposeA=false, transposeB=true}
    %1: f32[4,5] = BatchMatMul(x, k) {transposeA=false, transposeB=true}
    %2: f32[4,5] = Multiply(%0, %1)
    %3: f32[4,2] = BatchMatMul(%2, o) {transposeA=false, transposeB=false}
    %4: f32[4,3] = Abs(x)
    %5: f32[3] = Max(%4) {keepDims=false, reductionIndices=[0]}
    %6: f32[4,3] = GatherV2(x, [4 numbers]) {axis=0}
    %7: f32[4,5] = Abs(%2)
    %8: f32[5] = Max(%7) {keepDims=false, reductionIndices=[0]}
    %9: f32[4,5] = GatherV2(%2, [4 numbers]) {axis=0}
    output y = %3
    output largest 0 = %5
    output rows 0 = %6
    output largest 1 = %8
    output rows 1 = %9"
  `);
});

test('products of what does not depend on the data, and lookups, are other ways of reading a weight', () => {
  const graph = traced(
    ({ data, state, weights: { e, w } }) => {
      const rows = gather(e!, data['ids']!);
      const norm = sum(square(matMul(state['a']!, w!, false, true)));
      return {
        outputs: { y: mul(matMul(rows, w!, false, true), norm), z: matMul(data['x']!, e!, false, true) },
        state: {},
      };
    },
    { e: weight(7, 3), w: weight(5, 3) },
  );
  const { inputs, readOtherwise } = recordInputs(graph);
  expect(inputs.map(({ weights }) => weights.map(({ name }) => name))).toEqual([['w'], ['e']]);
  expect(readOtherwise).toEqual(new Set(['e', 'w']));
});

test('in a loop what is recorded is stacked, a round each', () => {
  const graph = traced(
    ({ data, weights: { w } }) => {
      const { carried } = loop(scalar(2, 'int32'), 3, [scalar(0)], (_, [total]) => ({
        carried: [add(total!, sum(matMul(square(data['x']!), w!, false, true)))],
        stacked: [],
      }));
      return { outputs: { y: carried[0]! }, state: {} };
    },
    { w: weight(5, 3) },
  );
  const { graph: recorded, inputs } = recordInputs(graph);
  expect(inputs).toMatchObject([{ isLooped: true, size: 3 }]);
  expect(recorded.outputs.map(({ name, value }) => [name, value.shape])).toEqual([
    ['y', []],
    ['largest 0', [3, 3]],
    ['rows 0', [3, 4, 3]],
  ]);
});

test('activations are what depends on the data, in loops too', () => {
  const graph = traced(({ data, state }) => {
    const fixed = square(state['a']!);
    const { carried } = loop(scalar(2, 'int32'), 3, [scalar(0)], (_, [total]) => ({
      carried: [add(total!, sum(data['x']!))],
      stacked: [],
    }));
    return { outputs: { fixed, y: carried[0]! }, state: {} };
  }, {});
  const found = activationsOf(graph);
  const isFound = Object.fromEntries(graph.outputs.map(({ name, value }) => [name, found.has(value)]));
  expect(isFound).toEqual({ fixed: false, y: true });
});
