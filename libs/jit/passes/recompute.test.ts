import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '#jit/graph.js';
import { usedValues } from '#jit/graph.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { matMul, mul, sigmoid, square, sum, type Tensor } from '#jit/ops.js';
import { eliminateDeadNodes } from '#jit/passes/dead-nodes.js';
import { recomputeSegments } from '#jit/passes/recompute.js';
import { printGraph } from '#jit/print.js';
import { recomputable } from '#jit/tracing.js';
import { f32, kernelsOf, traceOf } from '../../../test/trace-of.js';

/** Two segments of the same operations, and the gradient of their sum by x and w. */
const graph = traceOf([f32(2, 2), f32(2, 2)], (x, w) => {
  const { value, grads } = valueAndGrads((x: Tensor, w: Tensor) => {
    const segment = (x: Tensor) => recomputable(() => mul(square(sigmoid(matMul(x, w))), x));
    return sum(segment(segment(x)));
  })([x, w]);
  return [value, ...grads];
});

const recomputed = (...segments: number[]) => eliminateDeadNodes(recomputeSegments(graph, new Set(segments)));

/** Values that are made in a segment of the forward pass and read after the forward pass. */
function crossing({ nodes }: Graph): number {
  const lastForward = nodes.findLastIndex((node) => node.segment !== undefined);
  const made = new Set<Value>(nodes.slice(0, lastForward + 1).flatMap((node) => node.outputs));
  return new Set(
    nodes
      .slice(lastForward + 1)
      .flatMap(usedValues)
      .filter((value) => made.has(value)),
  ).size;
}

describe('recomputation', () => {
  test('of no segment changes nothing', () => {
    expect(recomputeSegments(graph, new Set())).toBe(graph);
  });

  test('makes what a segment made on the way again, right before the backward pass reads it', () => {
    expect(printGraph(recomputed(0, 1))).toMatchInlineSnapshot(`
      "data x0: f32[2,2]
      data x1: f32[2,2]
      %0: f32[2,2] = BatchMatMul(x0, x1) {transposeA=false, transposeB=false}
      %1: f32[2,2] = Sigmoid(%0)
      %2: f32[2,2] = Square(%1)
      %3: f32[2,2] = Multiply(%2, x0)
      %4: f32[2,2] = BatchMatMul(%3, x1) {transposeA=false, transposeB=false}
      %5: f32[2,2] = Sigmoid(%4)
      %6: f32[2,2] = Square(%5)
      %7: f32[2,2] = Multiply(%6, %3)
      %8: f32[] = Sum(%7) {keepDims=false}
      %9: f32[1,1] = Reshape(1) {shape=[1,1]}
      %10: f32[2,2] = Fill() {dtype=float32, shape=[2,2], value=1}
      %11: f32[2,2] = Multiply(%9, %10)
      %12: f32[2,2] = Multiply(%11, %3)
      %13: f32[2,2] = Reshape(%12) {shape=[2,2]}
      %14: f32[2,2] = BatchMatMul(%3, x1) {transposeA=false, transposeB=false}
      %15: f32[2,2] = Sigmoid(%14)
      %16: f32[2,2] = Square(%15)
      %17: f32[2,2] = Multiply(%11, %16)
      %18: f32[2,2] = Reshape(%17) {shape=[2,2]}
      %19: f32[2,2] = Multiply(%15, 2)
      %20: f32[2,2] = Multiply(%13, %19)
      %21: f32[2,2] = Sub(1, %15)
      %22: f32[2,2] = Multiply(%15, %21)
      %23: f32[2,2] = Multiply(%20, %22)
      %24: f32[2,2] = BatchMatMul(%23, x1) {transposeA=false, transposeB=true}
      %25: f32[2,2] = Add(%18, %24)
      %26: f32[2,2] = BatchMatMul(%3, %23) {transposeA=true, transposeB=false}
      %27: f32[2,2] = Multiply(%25, x0)
      %28: f32[2,2] = Reshape(%27) {shape=[2,2]}
      %29: f32[2,2] = BatchMatMul(x0, x1) {transposeA=false, transposeB=false}
      %30: f32[2,2] = Sigmoid(%29)
      %31: f32[2,2] = Square(%30)
      %32: f32[2,2] = Multiply(%25, %31)
      %33: f32[2,2] = Reshape(%32) {shape=[2,2]}
      %34: f32[2,2] = Multiply(%30, 2)
      %35: f32[2,2] = Multiply(%28, %34)
      %36: f32[2,2] = Sub(1, %30)
      %37: f32[2,2] = Multiply(%30, %36)
      %38: f32[2,2] = Multiply(%35, %37)
      %39: f32[2,2] = BatchMatMul(%38, x1) {transposeA=false, transposeB=true}
      %40: f32[2,2] = Add(%33, %39)
      %41: f32[2,2] = BatchMatMul(x0, %38) {transposeA=true, transposeB=false}
      %42: f32[2,2] = Add(%26, %41)
      output y0 = %8
      output y1 = %40
      output y2 = %42"
    `);
  });

  test('leaves only the results of segments to be kept', () => {
    expect([
      crossing(graph),
      crossing(recomputed(0)),
      crossing(recomputed(1)),
      crossing(recomputed(0, 1)),
    ]).toEqual([6, 4, 4, 2]);
  });

  test('reads nothing before it is made', () => {
    for (const { nodes } of [recomputed(0), recomputed(1), recomputed(0, 1)]) {
      const made = new Set<Value>();
      for (const node of nodes) {
        for (const value of usedValues(node)) expect(value.kind !== 'node' || made.has(value)).toBe(true);
        node.outputs.forEach((output) => made.add(output));
      }
    }
  });

  test('copies no segment that the backward pass does not need', () => {
    const forward = traceOf([f32(2)], (x) => recomputable(() => square(sigmoid(x))));
    expect(kernelsOf(recomputeSegments(forward, new Set([0])))).toEqual(['Sigmoid', 'Square']);
  });

  test('copies each node of a segment once', () => {
    const kernels = kernelsOf(recomputed(0, 1));
    expect(kernels.filter((kernel) => kernel === 'Sigmoid')).toHaveLength(4);
  });
});
