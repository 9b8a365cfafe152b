import { expect, test } from 'vitest';
import { loop } from '#jit/ops/loop.js';
import { valueAndGrads } from '#jit/differentiate.js';
import {
  add,
  concat,
  fill,
  greater,
  mul,
  ones,
  onesLike,
  sum,
  type Tensor,
  tensor,
  where,
  zerosLike,
} from '#jit/ops.js';
import { eliminateDeadNodes } from '#jit/passes/dead-nodes.js';
import { scalarizeUniformConstants } from '#jit/passes/uniform-constants.js';
import { printGraph } from '#jit/print.js';
import { f32, i32, kernelsOf, traceOf } from '../../../test/trace-of.js';

const simplified = (graph: ReturnType<typeof traceOf>) =>
  eliminateDeadNodes(scalarizeUniformConstants(graph));

test('filled tensors become numbers where an operation broadcasts anyway', () => {
  const graph = traceOf([f32(3, 4)], (x) =>
    where(greater(x, zerosLike(x)), add(x, fill([3, 4], 2)), mul(onesLike(x), x)),
  );
  expect(printGraph(simplified(graph))).toMatchInlineSnapshot(`
    "data x0: f32[3,4]
    %0: bool[3,4] = Greater(x0, 0)
    %1: f32[3,4] = Add(x0, 2)
    %2: f32[3,4] = Multiply(1, x0)
    %3: f32[3,4] = Select(%0, %1, %2)
    output y0 = %3"
  `);
});

test('the zeros that the gradient of a choice is made of are gone', () => {
  const graph = traceOf([f32(3, 4), f32(3, 4)], (x, other) => {
    const isLarge = greater(other, 0);
    const { grads } = valueAndGrads((x: Tensor) => sum(where(isLarge, mul(x, x), x)))([x]);
    return grads[0]!;
  });
  expect(kernelsOf(graph)).toContain('ZerosLike');
  expect(kernelsOf(simplified(graph))).not.toContain('ZerosLike');
});

test('a filled tensor that gives a result its shape stays', () => {
  const graph = traceOf([f32(4)], (x) => [add(x, ones([3, 4])), concat([x, fill([2], 7)])]);
  expect(printGraph(simplified(graph))).toMatchInlineSnapshot(`
    "data x0: f32[4]
    %0: f32[3,4] = Add(x0, 1)
    %1: f32[2] = Fill() {dtype=float32, shape=[2], value=7}
    %2: f32[6] = Concat(x0, %1) {axis=0}
    output y0 = %0
    output y1 = %2"
  `);
});

test('two filled tensors do not both give up the shape', () => {
  const graph = traceOf([f32()], () => add(fill([3], 1), fill([3], 2)));
  const [node] = simplified(graph).nodes.filter(({ kernel }) => kernel === 'Add');
  expect(node!.inputs.map(({ shape }) => shape)).toContainEqual([3]);
});

test('numbers that differ stay', () => {
  const graph = traceOf([f32(3)], (x) => add(x, tensor([1, 2, 1])));
  expect(simplified(graph).nodes).toEqual(graph.nodes);
});

test('bodies of loops are simplified too, also by what is filled outside', () => {
  const graph = traceOf([f32(3), i32()], (x, rounds) => {
    const outside = fill([3], 5);
    return loop(rounds, 2, [], () => ({ carried: [], stacked: [add(mul(x, outside), ones([3]))] }))
      .stacked[0]!;
  });
  expect(printGraph(simplified(graph))).toMatchInlineSnapshot(`
    "data x0: f32[3]
    data x1: i32[]
    %0: f32[2,3] = Loop(x1) {most=2}
      (%1: i32[]) =>
      %2: f32[3] = Multiply(x0, 5)
      %3: f32[3] = Add(%2, 1)
      return %3
    output y0 = %0"
  `);
});
