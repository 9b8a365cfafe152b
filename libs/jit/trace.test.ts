import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, test } from 'vitest';
import { loop } from '#jit/ops/loop.js';
import { linear } from '#jit/ops/linear.js';
import { valueAndGrads } from '#jit/differentiate.js';
import {
  add,
  concat,
  currentBackend,
  engine,
  mul,
  ones,
  scalar,
  setBackendNow,
  sub,
  sum,
  type Tensor,
  tensor,
} from '#jit/ops.js';
import * as tf from '#jit/ops.js';
import { printGraph } from '#jit/print.js';
import { traceBackend } from '#jit/trace-backend.js';
import { type Program, type ProgramSpec, trace } from '#jit/trace.js';
import { inScope, recomputable } from '#jit/tracing.js';
import { f32, i32, kernelsOf, traceOf } from '../../test/trace-of.js';

const nothing: ProgramSpec = { data: {}, scalars: [], state: {}, weights: {} };

/** What a call throws. */
function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('a traced step', () => {
  const weight = {
    shape: [2, 3],
    source: { file: '/weights', offset: 8, byteLength: 12, storage: 'bfloat16' },
  } as const;

  test('is a graph of its kernel calls, gradient and update included', () => {
    const program: Program = ({ data, scalars, state, weights }) => {
      const { value, grads } = valueAndGrads((b: Tensor) =>
        inScope('layer', () => sum(linear(data['x']!, weights['w']!, b))),
      )([state['b']!]);
      return {
        outputs: { loss: value },
        state: { b: sub(state['b']!, mul(grads[0]!, scalars['rate']!)) },
      };
    };
    const graph = trace(program, {
      data: { x: f32(4, 3) },
      scalars: ['rate'],
      state: { b: f32(2) },
      weights: { w: weight },
    });
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "data x: f32[4,3]
      scalar rate: f32[]
      state b: f32[2]
      weight w: f32[2,3] stored as bfloat16
      %0: f32[4,2] = BatchMatMul(x, w) {transposeA=false, transposeB=true}  # layer
      %1: f32[4,2] = Add(%0, b)  # layer
      %2: f32[] = Sum(%1) {keepDims=false}  # layer
      %3: f32[1,1] = Reshape(1) {shape=[1,1]}
      %4: f32[4,2] = Fill() {dtype=float32, shape=[4,2], value=1}
      %5: f32[4,2] = Multiply(%3, %4)
      %6: f32[2] = Sum(%5) {axis=[0], keepDims=false}
      %7: f32[2] = Reshape(%6) {shape=[2]}
      %8: f32[2] = Multiply(%7, rate)
      %9: f32[2] = Sub(b, %8)
      output loss = %2
      next b = %9"
    `);
    expect([graph.data, graph.scalars, graph.state, graph.weights].flat().map(({ kind }) => kind)).toEqual([
      'data',
      'scalar',
      'state',
      'weight',
    ]);
  });

  test('leaves out copies and casts that change nothing', () => {
    const graph = traceOf([f32(2)], (x) => tf.cast(tf.zerosLike(tf.cast(x, 'float32')), 'int32'));
    expect(kernelsOf(graph)).toEqual(['ZerosLike', 'Cast']);
  });

  test('may give back what it was given', () => {
    const graph = traceOf([f32(2)], (x) => x);
    expect(graph.nodes).toEqual([]);
    expect(graph.outputs[0]!.value).toBe(graph.data[0]);
  });

  test('keeps equal numbers as one number, and others as they are', () => {
    const graph = traceOf([f32(3)], (x) => concat([x, ones([200_000]), tensor([1, 2, 2])]));
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "data x0: f32[3]
      %0: f32[200006] = Concat(x0, 1, [3 numbers]) {axis=0}
      output y0 = %0"
    `);
  });

  test('holds a loop as a body of its own, which may use values from outside', () => {
    const graph = traceOf(
      [f32(2), i32()],
      (x, rounds) =>
        loop(rounds, 4, [scalar(0)], (i, [total]) => ({
          carried: [add(total!, sum(mul(x, tf.cast(i, 'float32'))))],
          stacked: [mul(x, 2)],
        })).stacked[0]!,
    );
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "data x0: f32[2]
      data x1: i32[]
      %0: f32[], %1: f32[4,2] = Loop(x1, 0) {most=4}
        (%2: i32[], %3: f32[]) =>
        %4: f32[] = Cast(%2) {dtype=float32}
        %5: f32[2] = Multiply(x0, %4)
        %6: f32[] = Sum(%5) {keepDims=false}
        %7: f32[] = Add(%3, %6)
        %8: f32[2] = Multiply(x0, 2)
        return %7, %8
      output y0 = %1"
    `);
  });

  test('numbers recomputable segments and names their results', () => {
    const graph = traceOf([f32(2)], (x) => {
      const first = recomputable(() => mul(x, tf.square(x)));
      return tf.neg(recomputable(() => tf.square(first)));
    });
    expect(graph.nodes.map(({ kernel, segment }) => [kernel, segment])).toEqual([
      ['Square', 0],
      ['Multiply', 0],
      ['Square', 1],
      ['Neg', undefined],
    ]);
    expect(graph.segments.map(({ results }) => results)).toEqual([
      graph.nodes[1]!.outputs,
      graph.nodes[2]!.outputs,
    ]);
  });

  test('gives the gradients of a segment’s nodes to no segment', () => {
    const graph = traceOf(
      [f32(2)],
      (x) => valueAndGrads((x: Tensor) => sum(recomputable(() => tf.square(x))))([x]).grads[0]!,
    );
    const [, ...after] = graph.nodes;
    expect(after.length).toBeGreaterThan(1);
    expect(after.every(({ segment }) => segment === undefined)).toBe(true);
  });
});

describe('a step that cannot be traced is refused', () => {
  test('when it reads numbers, naming the module and the line', () => {
    const read = (x: Tensor) => tf.mul(x, x.dataSync()[0]!);
    expect(thrown(() => traceOf([f32(2)], (x) => inScope('model.norm', () => read(x))))).toMatchObject({
      code: 'no_numbers',
      message: expect.stringMatching(/model\.norm.*trace\.test\.ts/) as string,
    });
  });

  test('when it calls a kernel that is not in the table, naming the kernel and the line', () => {
    const call = (x: Tensor) => engine().runKernel('Erf', { x }) as unknown as Tensor;
    expect(thrown(() => traceOf([f32(2)], (x) => inScope('layers.3', () => call(x))))).toMatchObject({
      name: 'UnknownKernelError',
      code: 'unknown_kernel',
      message: expect.stringMatching(/kernel Erf.*layers\.3.*trace\.test\.ts/) as string,
      details: { kernel: 'Erf' },
    });
  });

  test('when it writes many different numbers into the graph, naming the line', () => {
    const numbers = Float32Array.from({ length: 16_385 }, (_, i) => i);
    expect(thrown(() => traceOf([f32(16_385)], (x) => add(x, tensor(numbers))))).toMatchObject({
      code: 'constant_too_large',
      message: expect.stringMatching(/\[16385\].*65540 bytes.*trace\.test\.ts.*limit is 65536/) as string,
    });
    const graph = traceOf([f32(16_384)], (x) => add(x, tensor(numbers.subarray(1))));
    expect(graph.nodes).toHaveLength(1);
  });

  test('when it uses a tensor that holds numbers', () => {
    setBackendNow('cpu');
    const foreign = tensor([1, 2]);
    expect(thrown(() => traceOf([f32(2)], (x) => add(x, foreign)))).toMatchObject({
      code: 'foreign_tensor',
      message: expect.stringContaining('trace.test.ts') as string,
    });
    foreign.dispose();
  });

  test('when it traces another step', () => {
    const inner = () => trace(() => ({ outputs: {}, state: {} }), nothing);
    expect(thrown(() => traceOf([f32(2)], (x) => (inner(), x)))).toMatchObject({ code: 'nested_trace' });
  });

  test('when its tensors outlive it', () => {
    let kept: Tensor | undefined;
    traceOf([f32(2)], (x) => (kept = tf.keep(tf.square(x))));
    setBackendNow(traceBackend);
    expect(thrown(() => tf.square(kept!))).toMatchObject({ code: 'not_tracing' });
    setBackendNow('cpu');
  });
});

describe('afterwards TensorFlow.js is as it was', () => {
  /** Runs and compares: same backend, no tensor left, and a tape that works as before. */
  function leavesNoTrace(run: () => void): void {
    setBackendNow('cpu');
    const { numTensors } = engine().memory();
    run();
    expect(currentBackend()).toBe('cpu');
    expect(engine().memory().numTensors).toBe(numTensors);
    const gradient = tf.tidy(() => {
      const { grads } = valueAndGrads((x: Tensor) => sum(tf.square(x)))([tensor([3])]);
      return grads[0]!.dataSync()[0] as never;
    });
    expect(gradient).toBe(6);
  }

  const fail = (): never => {
    throw new Error('no');
  };

  test('when the step was traced', () => {
    leavesNoTrace(() => {
      const graph = traceOf([f32(2)], (x) => valueAndGrads((x: Tensor) => sum(tf.square(x)))([x]).grads[0]!);
      expect(graph.nodes.length).toBeGreaterThan(2);
    });
  });

  test.each<[string, (x: Tensor) => Tensor]>([
    ['threw', fail],
    [
      'threw while a gradient was taken',
      (x) => valueAndGrads((x: Tensor) => sum(mul(x, x.dataSync()[0]!)))([x]).value,
    ],
    [
      'threw within a module, a segment and a loop',
      (x) => inScope('a', () => recomputable(() => loop(tf.cast(sum(x), 'int32'), 2, [], fail).stacked[0]!)),
    ],
  ])('when the step %s', (_, run) => {
    leavesNoTrace(() => {
      expect(() => traceOf([f32(2)], run)).toThrow(Error);
      expect(traceOf([f32(2)], (x) => tf.neg(x)).nodes).toMatchObject([{ scope: '', kernel: 'Neg' }]);
    });
  });
});
