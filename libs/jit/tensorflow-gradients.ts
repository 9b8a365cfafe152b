/**
 * Gradients of the TensorFlow.js kernels that a step may use. The Node build of @tensorflow/tfjs-core brings the
 * tape but not these rules; where the whole of @tensorflow/tfjs is loaded too, its own stay in place.
 */
import { type NamedAttributes, whenOpened } from '#jit/door.js';
import type { Shape } from '#base/shapes.js';
import {
  cast,
  concat,
  cos,
  div,
  equal,
  fill,
  greater,
  greaterEqual,
  less,
  lessEqual,
  matMul,
  mul,
  neg,
  pad,
  reshape,
  scalar,
  sin,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  transpose,
  where,
  zerosLike,
} from '#jit/ops.js';
import { reductionAxes } from '#jit/tensorflow-kernels.js';

type Gradients = Readonly<Record<string, () => Tensor>>;

interface Rule {
  readonly inputs?: readonly string[];
  /** Whether the kernel's result is needed too; it follows the saved inputs. */
  readonly output?: boolean;
  readonly allInputs?: boolean;
  readonly backward: (
    dy: Tensor,
    saved: readonly Tensor[],
    attributes: NamedAttributes,
    dys: readonly Tensor[],
  ) => Gradients;
}

// ---- helpers ----

/** Sums a gradient over the axes along which a tensor of the given shape was repeated. */
function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  const offset = dy.shape.length - shape.length;
  const axes = dy.shape.flatMap((size, axis) =>
    axis < offset || (shape[axis - offset] === 1 && size > 1) ? [axis] : [],
  );
  return reshape(axes.length > 0 ? sum(dy, axes) : dy, [...shape]);
}

/** A rule for `f(x)`: dy times the slope at x. */
const unary = (slope: (x: Tensor) => Tensor): Rule => ({
  inputs: ['x'],
  backward: (dy, [x]) => ({ x: () => mul(dy, slope(x!)) }),
});

/** The same with the slope told by the result y. */
const unaryOfResult = (slope: (y: Tensor) => Tensor): Rule => ({
  output: true,
  backward: (dy, [y]) => ({ x: () => mul(dy, slope(y!)) }),
});

const binary = (
  da: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
  db: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
): Rule => ({
  inputs: ['a', 'b'],
  backward: (dy, [a, b]) => ({
    a: () => unbroadcast(da(dy, a!, b!), a!.shape),
    b: () => unbroadcast(db(dy, a!, b!), b!.shape),
  }),
});

const select = (dy: Tensor, chosen: Tensor): Tensor => mul(dy, cast(chosen, 'float32'));

const reshaped = (input: string): Rule => ({
  inputs: [input],
  backward: (dy, [x]) => ({ [input]: () => reshape(dy, x!.shape) }),
});

const list = (value: unknown): number[] =>
  typeof value === 'number' ? [value] : [...((value ?? []) as number[])];

/** The shape of a reduction's result with the reduced axes kept as 1. */
function keptShape(shape: Shape, axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

const sumRule = (attribute: string, scale: (count: number) => number): Rule => ({
  inputs: ['x'],
  backward: (dy, [x], attributes) => {
    const axes = reductionAxes(list(attributes[attribute]), x!.shape.length);
    const count = axes.reduce((product, axis) => product * x!.shape[axis]!, 1);
    return { x: () => mul(reshape(dy, keptShape(x!.shape, axes)), fill(x!.shape, scale(count))) };
  },
});

/** The extreme entry takes the gradient; entries that tie all take it, as in TensorFlow.js. */
const extremeRule = (attribute: string): Rule => ({
  inputs: ['x'],
  output: true,
  backward: (dy, [x, y], attributes) => {
    const kept = keptShape(x!.shape, reductionAxes(list(attributes[attribute]), x!.shape.length));
    return { x: () => select(reshape(dy, kept), equal(x!, reshape(y!, kept))) };
  },
});

/** Where each part of a list that was joined along an axis starts. */
function parts(tensors: readonly Tensor[], axis: number): { begin: number[]; size: number[] }[] {
  let start = 0;
  return tensors.map(({ shape }) => {
    const begin = shape.map((_, i) => (i === axis ? start : 0));
    start += shape[axis]!;
    return { begin, size: shape };
  });
}

// ---- rules ----

const rules: Readonly<Record<string, Rule>> = {
  Abs: unary((x) => sub(cast(greaterEqual(x, 0), 'float32'), cast(lessEqual(x, 0), 'float32'))),
  Add: binary(
    (dy) => dy,
    (dy) => dy,
  ),
  BatchMatMul: {
    inputs: ['a', 'b'],
    backward: (dy, [a, b], { transposeA, transposeB }) => {
      const [ta, tb] = [Boolean(transposeA), Boolean(transposeB)];
      return {
        a: () => (ta ? matMul(b!, dy, tb, true) : matMul(dy, b!, false, !tb)),
        b: () => (tb ? matMul(dy, a!, true, ta) : matMul(a!, dy, !ta, false)),
      };
    },
  },
  Cast: { backward: (dy) => ({ x: () => dy }) },
  Concat: {
    allInputs: true,
    backward: (dy, saved, attributes) => {
      const places = parts(saved, list(attributes['axis'])[0]!);
      return Object.fromEntries(places.map(({ begin, size }, i) => [i, () => slice(dy, begin, size)]));
    },
  },
  Cos: unary((x) => neg(sin(x))),
  Exp: unaryOfResult((y) => y),
  ExpandDims: reshaped('input'),
  Identity: { backward: (dy) => ({ x: () => dy }) },
  Log: { inputs: ['x'], backward: (dy, [x]) => ({ x: () => div(dy, x!) }) },
  Max: extremeRule('reductionIndices'),
  Maximum: binary(
    (dy, a, b) => select(dy, greaterEqual(a, b)),
    (dy, a, b) => select(dy, less(a, b)),
  ),
  Mean: sumRule('axis', (count) => 1 / count),
  Min: extremeRule('axis'),
  Minimum: binary(
    (dy, a, b) => select(dy, lessEqual(a, b)),
    (dy, a, b) => select(dy, less(b, a)),
  ),
  Multiply: binary(
    (dy, _, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  ),
  Neg: { backward: (dy) => ({ x: () => neg(dy) }) },
  OnesLike: { backward: (dy) => ({ x: () => zerosLike(dy) }) },
  Pack: {
    allInputs: true,
    backward: (dy, saved, attributes) => {
      const axis = list(attributes['axis'])[0]!;
      const expanded = saved.map(({ shape }) => shape.toSpliced(axis, 0, 1));
      return Object.fromEntries(
        saved.map(({ shape }, i) => {
          const begin = dy.shape.map((_, j) => (j === axis ? i : 0));
          return [i, () => reshape(slice(dy, begin, expanded[i]), shape)];
        }),
      );
    },
  },
  PadV2: {
    inputs: ['x'],
    backward: (dy, [x], { paddings }) => {
      const before = (paddings as number[][]).map(([first]) => first!);
      return { x: () => slice(dy, before, x!.shape) };
    },
  },
  RealDiv: binary(
    (dy, _, b) => div(dy, b),
    (dy, a, b) => neg(div(mul(dy, a), square(b))),
  ),
  Reciprocal: unaryOfResult((y) => neg(square(y))),
  Relu: {
    output: true,
    backward: (dy, [y]) => ({ x: () => select(dy, greater(y!, scalar(0))) }),
  },
  Reshape: reshaped('x'),
  Rsqrt: unaryOfResult((y) => mul(mul(y, square(y)), scalar(-0.5))),
  Select: {
    inputs: ['condition', 't', 'e'],
    backward: (dy, [condition, t, e]) => ({
      t: () => unbroadcast(where(condition!, dy, zerosLike(dy)), t!.shape),
      e: () => unbroadcast(where(condition!, zerosLike(dy), dy), e!.shape),
    }),
  },
  Sigmoid: unaryOfResult((y) => mul(y, sub(scalar(1), y))),
  Sin: unary(cos),
  Slice: {
    inputs: ['x'],
    backward: (dy, [x], attributes) => {
      const begin = list(attributes['begin']);
      const paddings = x!.shape.map((size, i): [number, number] => [
        begin[i]!,
        size - begin[i]! - dy.shape[i]!,
      ]);
      return { x: () => pad(dy, paddings) };
    },
  },
  Softmax: {
    output: true,
    backward: (dy, [y]) => ({ logits: () => mul(sub(dy, sum(mul(dy, y!), -1, true)), y!) }),
  },
  SplitV: {
    backward: (_, __, attributes, dys) => ({ x: () => concat([...dys], list(attributes['axis'])[0]) }),
  },
  Sqrt: unaryOfResult((y) => div(scalar(0.5), y)),
  Square: unary((x) => mul(x, scalar(2))),
  Sub: binary(
    (dy) => dy,
    (dy) => neg(dy),
  ),
  Sum: sumRule('axis', () => 1),
  Tanh: unaryOfResult((y) => sub(scalar(1), square(y))),
  Tile: {
    inputs: ['x'],
    backward: (dy, [x], attributes) => {
      const reps = list(attributes['reps']);
      const shape = x!.shape.flatMap((size, i) => [reps[i]!, size]);
      return {
        x: () =>
          sum(
            reshape(dy, shape),
            reps.map((_, i) => 2 * i),
          ),
      };
    },
  },
  Transpose: {
    backward: (dy, _, attributes) => {
      const perm = list(attributes['perm']);
      return {
        x: () =>
          transpose(
            dy,
            perm.map((_, axis) => perm.indexOf(axis)),
          ),
      };
    },
  },
  ZerosLike: { backward: (dy) => ({ x: () => zerosLike(dy) }) },
};

whenOpened((tf) => {
  for (const [kernelName, rule] of Object.entries(rules)) {
    if (tf.getGradient(kernelName)) continue;
    tf.registerGradient({
      kernelName,
      inputsToSave: [...(rule.inputs ?? [])],
      outputsToSave: rule.output ? [true] : [],
      saveAllInputs: rule.allInputs ?? false,
      gradFunc: (dy, saved, attributes) => {
        const dys = Array.isArray(dy) ? dy : [dy];
        return rule.backward(dys[0]!, saved, attributes, dys);
      },
    });
  }
});

/** Names of the kernels that have a gradient here. */
export const differentiableKernels = Object.keys(rules);
