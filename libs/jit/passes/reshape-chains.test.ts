import { expect, test } from 'vitest';
import { loop } from '#jit/ops/loop.js';
import { expandDims, neg, reshape, square } from '#jit/ops.js';
import { collapseReshapes } from '#jit/passes/reshape-chains.js';
import { eliminateDeadNodes } from '#jit/passes/dead-nodes.js';
import { printGraph } from '#jit/print.js';
import { f32, i32, kernelsOf, traceOf } from '../../../test/trace-of.js';

test('a chain of reshapes becomes one', () => {
  const graph = traceOf([f32(2, 6)], (x) => neg(expandDims(reshape(reshape(square(x), [3, 4]), [12]), 0)));
  expect(printGraph(eliminateDeadNodes(collapseReshapes(graph)))).toMatchInlineSnapshot(`
    "data x0: f32[2,6]
    %0: f32[2,6] = Square(x0)
    %1: f32[1,12] = Reshape(%0) {shape=[1,12]}
    %2: f32[1,12] = Neg(%1)
    output y0 = %2"
  `);
});

test('a chain that ends in the shape it began with vanishes, also from the results', () => {
  const graph = traceOf([f32(2, 6)], (x) => {
    const there = reshape(square(x), [12]);
    return [reshape(there, [2, 6]), neg(reshape(there, [2, 6]))];
  });
  expect(printGraph(eliminateDeadNodes(collapseReshapes(graph)))).toMatchInlineSnapshot(`
    "data x0: f32[2,6]
    %0: f32[2,6] = Square(x0)
    %1: f32[2,6] = Neg(%0)
    output y0 = %0
    output y1 = %1"
  `);
});

test('a shape in the middle stays for those who read it', () => {
  const graph = traceOf([f32(2, 6)], (x) => {
    const middle = reshape(x, [3, 4]);
    return [neg(middle), square(reshape(middle, [12]))];
  });
  expect(kernelsOf(collapseReshapes(graph)).toSorted()).toEqual(['Neg', 'Reshape', 'Reshape', 'Square']);
});

test('chains reach into the bodies of loops', () => {
  const graph = traceOf([f32(2, 6), i32()], (x, rounds) => {
    const outside = reshape(x, [12]);
    const { stacked } = loop(rounds, 2, [], () => ({ carried: [], stacked: [reshape(outside, [2, 6])] }));
    return stacked[0]!;
  });
  expect(printGraph(eliminateDeadNodes(collapseReshapes(graph)))).toMatchInlineSnapshot(`
    "data x0: f32[2,6]
    data x1: i32[]
    %0: f32[2,2,6] = Loop(x1) {most=2}
      (%1: i32[]) =>
      return x0
    output y0 = %0"
  `);
});
