import { describe, expect, test } from 'vitest';
import { add, matMul, mul, neg, type Tensor } from '#jit/ops.js';
import { accumulateProducts } from '#jit/passes/accumulate.js';
import { printGraph } from '#jit/print.js';
import { recomputable } from '#jit/tracing.js';
import { f32, kernelsOf, traceOf } from '../../../test/trace-of.js';

/** x W^T of an inner axis long enough to be worth it. */
const product = (x: Tensor, w: Tensor) => matMul(x, w, false, true);
const [x, w] = [f32(3, 64), f32(5, 64)];

describe('a product and the addition after it become one node', () => {
  test('with a row, a matrix, or another product', () => {
    const graph = traceOf([x, w, f32(5), f32(3, 5), w], (x, w, row, matrix, other) => [
      add(product(x, w), row),
      add(matrix, product(x, w)),
      add(product(x, w), product(neg(x), other)),
    ]);
    expect(printGraph(accumulateProducts(graph))).toMatchInlineSnapshot(`
      "data x0: f32[3,64]
      data x1: f32[5,64]
      data x2: f32[5]
      data x3: f32[3,5]
      data x4: f32[5,64]
      %0: f32[3,5] = MatMulAdd(x0, x1, x2) {transposeA=false, transposeB=true}
      %1: f32[3,5] = MatMulAdd(x0, x1, x3) {transposeA=false, transposeB=true}
      %2: f32[3,5] = BatchMatMul(x0, x1) {transposeA=false, transposeB=true}
      %3: f32[3,64] = Neg(x0)
      %4: f32[3,5] = MatMulAdd(%3, x4, %2) {transposeA=false, transposeB=true}
      output y0 = %0
      output y1 = %1
      output y2 = %4"
    `);
  });

  test('and a chain of additions becomes a chain of nodes', () => {
    const graph = traceOf([x, w, w, f32(5)], (x, w, v, row) => add(add(product(x, w), row), product(x, v)));
    expect(kernelsOf(accumulateProducts(graph))).toEqual(['MatMulAdd', 'MatMulAdd']);
  });
});

describe('a product stays by itself', () => {
  test.each<[string, (x: Tensor, w: Tensor, row: Tensor, column: Tensor) => Tensor | Tensor[]]>([
    [
      'when somebody else reads it',
      (x, w, row) => {
        const p = product(x, w);
        return [add(p, row), neg(p)];
      },
    ],
    [
      'when it is a result',
      (x, w, row) => {
        const p = product(x, w);
        return [add(p, row), p];
      },
    ],
    [
      'when it is added to itself',
      (x, w) => {
        const p = product(x, w);
        return add(p, p);
      },
    ],
    ['when the other addend is a column', (x, w, _, column) => add(product(x, w), column)],
    ['when it is multiplied', (x, w, row) => mul(product(x, w), row)],
    [
      'when the addition belongs to another segment',
      (x, w, row) =>
        add(
          recomputable(() => product(x, w)),
          row,
        ),
    ],
  ])('%s', (_, run) => {
    const graph = traceOf([x, w, f32(5), f32(3, 1)], run);
    expect(accumulateProducts(graph).nodes).toEqual(graph.nodes);
  });

  test('when it makes the sum larger than itself', () => {
    const graph = traceOf([f32(1, 64), w, f32(3, 5)], (x, w, matrix) => add(product(x, w), matrix));
    expect(kernelsOf(accumulateProducts(graph))).toEqual(['BatchMatMul', 'Add']);
  });
});

test('what a joined node reads stands before it', () => {
  const graph = traceOf([x, w, f32(3, 5)], (x, w, matrix) => {
    const p = product(x, w);
    return add(p, neg(matrix));
  });
  expect(kernelsOf(accumulateProducts(graph))).toEqual(['Neg', 'MatMulAdd']);
});
