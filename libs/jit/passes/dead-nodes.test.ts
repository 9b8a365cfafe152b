import { describe, expect, test } from 'vitest';
import { loop } from '#jit/ops/loop.js';
import { add, mul, neg, scalar, square, sum, type Tensor } from '#jit/ops.js';
import { eliminateDeadNodes } from '#jit/passes/dead-nodes.js';
import { printGraph } from '#jit/print.js';
import { trace } from '#jit/trace.js';
import { f32, i32, kernelsOf, traceOf } from '../../../test/trace-of.js';

describe('what no result depends on', () => {
  test('is removed, what a removed node was the only reader of included', () => {
    const graph = traceOf([f32(2)], (x) => {
      square(neg(x));
      return mul(x, 2);
    });
    expect(kernelsOf(graph)).toEqual(['Neg', 'Square', 'Multiply']);
    expect(kernelsOf(eliminateDeadNodes(graph))).toEqual(['Multiply']);
  });

  test('is removed among weights, but inputs stay for the caller to give', () => {
    const source = { file: '/weights', offset: 0, byteLength: 8, storage: 'float32' } as const;
    const graph = trace(
      ({ data, weights }) => {
        mul(data['a']!, weights['unused']!);
        return { outputs: { y: mul(data['b']!, weights['used']!) }, state: {} };
      },
      {
        data: { a: f32(2), b: f32(2) },
        scalars: ['rate'],
        state: { s: f32(2) },
        weights: { used: { shape: [2], source }, unused: { shape: [2], source } },
      },
    );
    const kept = eliminateDeadNodes(graph);
    expect(kept.weights.map(({ name }) => name)).toEqual(['used']);
    expect([kept.data, kept.scalars, kept.state].map((inputs) => inputs.length)).toEqual([2, 1, 1]);
  });

  test('stays while the next state depends on it', () => {
    const graph = trace(({ state }) => ({ outputs: {}, state: { s: square(state['s']!) } }), {
      data: {},
      scalars: [],
      state: { s: f32(2) },
      weights: {},
    });
    expect(kernelsOf(eliminateDeadNodes(graph))).toEqual(['Square']);
  });
});

describe('of a loop', () => {
  const graphOf = (pick: (round: { carried: readonly Tensor[]; stacked: readonly Tensor[] }) => Tensor) =>
    traceOf([f32(2), i32()], (x, rounds) =>
      pick(
        loop(rounds, 3, [scalar(0)], (_, [total]) => {
          const y = square(x);
          return { carried: [add(total!, sum(y))], stacked: [neg(y), mul(y, 3)] };
        }),
      ),
    );

  test('stacks that nobody reads vanish with what they were made of', () => {
    const graph = eliminateDeadNodes(graphOf(({ stacked }) => stacked[1]!));
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "data x0: f32[2]
      data x1: i32[]
      %0: f32[], %1: f32[3,2] = Loop(x1, 0) {most=3}
        (%2: i32[], %3: f32[]) =>
        %4: f32[2] = Square(x0)
        %5: f32[] = Sum(%4) {keepDims=false}
        %6: f32[] = Add(%3, %5)
        %7: f32[2] = Multiply(%4, 3)
        return %6, %7
      output y0 = %1"
    `);
    expect(kernelsOf({ ...graph, nodes: graph.nodes[0]!.body!.nodes })).not.toContain('Neg');
  });

  test('all stacks vanish when only what is carried is read', () => {
    const [node] = eliminateDeadNodes(graphOf(({ carried }) => carried[0]!)).nodes;
    expect(node!.outputs).toHaveLength(1);
    expect(node!.body!.nodes.map(({ kernel }) => kernel)).toEqual(['Square', 'Sum', 'Add']);
  });

  test('nothing is left when nobody reads it', () => {
    const graph = traceOf([f32(2), i32()], (x, rounds) => {
      loop(rounds, 3, [], () => ({ carried: [], stacked: [neg(x)] }));
      return square(x);
    });
    expect(kernelsOf(eliminateDeadNodes(graph))).toEqual(['Square']);
  });

  test('what only its body reads stays', () => {
    const graph = traceOf([f32(2), i32()], (x, rounds) => {
      const outside = square(x);
      return loop(rounds, 3, [], () => ({ carried: [], stacked: [neg(outside)] })).stacked[0]!;
    });
    expect(kernelsOf(eliminateDeadNodes(graph))).toEqual(['Square', 'Loop']);
  });
});
