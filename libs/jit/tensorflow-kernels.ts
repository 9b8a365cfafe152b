/**
 * Shape rules of the TensorFlow.js kernels that a step may use, under TensorFlow.js's names for them.
 */
import { broadcastShapes, sizeOf } from '#base/shapes.js';
import type { Attributes, DType } from '#jit/graph.js';
import type { KernelRule } from '#jit/kernel.js';

// ---- helpers ----

const at = <T>(list: readonly T[], index: number): T => list[index] as T;

function numbers(attributes: Attributes, name: string): readonly number[] {
  const value = attributes[name];
  return typeof value === 'number' ? [value] : (value as readonly number[]);
}

function binary(dtype?: DType): KernelRule {
  return {
    inputs: ['a', 'b'],
    infer: (inputs) => {
      const [a, b] = [at(inputs, 0), at(inputs, 1)];
      return [{ shape: broadcastShapes(a.shape, b.shape), dtype: dtype ?? a.dtype }];
    },
  };
}

function unary(input = 'x'): KernelRule {
  return { inputs: [input], infer: (inputs) => [at(inputs, 0)] };
}

/** Axes of a reduction as non-negative numbers; none given means all. */
export function reductionAxes(axes: readonly number[] | undefined | null, rank: number): number[] {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  return axes?.length ? axes.map((axis) => (axis < 0 ? axis + rank : axis)) : all;
}

function reduction(axisAttribute: string, dtype?: DType): KernelRule {
  return {
    inputs: ['x'],
    infer: (inputs, attributes) => {
      const x = at(inputs, 0);
      const given = attributes[axisAttribute];
      const axes = reductionAxes(
        given === undefined || given === null ? [] : numbers(attributes, axisAttribute),
        x.shape.length,
      );
      const shape = attributes['keepDims']
        ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
        : x.shape.filter((_, axis) => !axes.includes(axis));
      return [{ shape, dtype: dtype ?? (x.dtype === 'bool' ? 'int32' : x.dtype) }];
    },
  };
}

// ---- table ----

export const tensorflowKernels = {
  Abs: unary(),
  Add: binary(),
  ArgMax: reduction('axis', 'int32'),
  BatchMatMul: {
    inputs: ['a', 'b'],
    infer: (inputs, { transposeA, transposeB }) => {
      const [a, b] = [at(inputs, 0).shape, at(inputs, 1).shape];
      const rows = at(a, a.length - (transposeA ? 1 : 2));
      const columns = at(b, b.length - (transposeB ? 2 : 1));
      return [
        { shape: [...broadcastShapes(a.slice(0, -2), b.slice(0, -2)), rows, columns], dtype: 'float32' },
      ];
    },
  },
  Cast: {
    inputs: ['x'],
    infer: (inputs, { dtype }) => [{ shape: at(inputs, 0).shape, dtype: dtype as DType }],
  },
  Concat: {
    inputs: 'list',
    infer: (inputs, attributes) => {
      const first = at(inputs, 0);
      const axis = at(numbers(attributes, 'axis'), 0);
      const total = inputs.reduce((sum, input) => sum + at(input.shape, axis), 0);
      return [{ shape: first.shape.map((size, i) => (i === axis ? total : size)), dtype: first.dtype }];
    },
  },
  Cos: unary(),
  Equal: binary('bool'),
  Exp: unary(),
  Fill: {
    inputs: [],
    infer: (_, attributes) => [
      { shape: numbers(attributes, 'shape'), dtype: (attributes['dtype'] as DType | undefined) ?? 'float32' },
    ],
  },
  Floor: unary(),
  GatherV2: {
    inputs: ['x', 'indices'],
    infer: (inputs, attributes) => {
      const [x, indices] = [at(inputs, 0), at(inputs, 1)];
      const axis = at(numbers(attributes, 'axis'), 0);
      return [
        { shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], dtype: x.dtype },
      ];
    },
  },
  Greater: binary('bool'),
  GreaterEqual: binary('bool'),
  Less: binary('bool'),
  LessEqual: binary('bool'),
  Log: unary(),
  LogicalAnd: binary('bool'),
  LogicalNot: { inputs: ['x'], infer: (inputs) => [{ shape: at(inputs, 0).shape, dtype: 'bool' }] },
  Max: reduction('reductionIndices'),
  Maximum: binary(),
  Mean: reduction('axis', 'float32'),
  Min: reduction('axis'),
  Minimum: binary(),
  Multiply: binary(),
  Neg: unary(),
  NotEqual: binary('bool'),
  OneHot: {
    inputs: ['indices'],
    infer: (inputs, attributes) => [
      {
        shape: [...at(inputs, 0).shape, at(numbers(attributes, 'depth'), 0)],
        dtype: (attributes['dtype'] as DType | undefined) ?? 'float32',
      },
    ],
  },
  OnesLike: unary(),
  Pack: {
    inputs: 'list',
    infer: (inputs, attributes) => {
      const first = at(inputs, 0);
      const axis = at(numbers(attributes, 'axis'), 0);
      return [{ shape: first.shape.toSpliced(axis, 0, inputs.length), dtype: first.dtype }];
    },
  },
  PadV2: {
    inputs: ['x'],
    infer: (inputs, attributes) => {
      const x = at(inputs, 0);
      const paddings = numbers(attributes, 'paddings');
      return [
        {
          shape: x.shape.map((size, i) => size + at(paddings, 2 * i) + at(paddings, 2 * i + 1)),
          dtype: x.dtype,
        },
      ];
    },
  },
  RealDiv: binary('float32'),
  Reciprocal: unary(),
  Relu: unary(),
  Reshape: {
    inputs: ['x'],
    infer: (inputs, attributes) => {
      const x = at(inputs, 0);
      const shape = numbers(attributes, 'shape');
      const known = sizeOf(shape.filter((size) => size >= 0));
      return [{ shape: shape.map((size) => (size < 0 ? sizeOf(x.shape) / known : size)), dtype: x.dtype }];
    },
  },
  Rsqrt: unary(),
  Select: {
    inputs: ['condition', 't', 'e'],
    infer: (inputs) => {
      const [condition, t, e] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
      return [{ shape: broadcastShapes(condition.shape, broadcastShapes(t.shape, e.shape)), dtype: t.dtype }];
    },
  },
  Sigmoid: unary(),
  Sin: unary(),
  Slice: {
    inputs: ['x'],
    infer: (inputs, attributes) => {
      const x = at(inputs, 0);
      const [begin, size] = [numbers(attributes, 'begin'), numbers(attributes, 'size')];
      return [
        {
          shape: x.shape.map((full, i) => (size[i] === -1 ? full - at(begin, i) : at(size, i))),
          dtype: x.dtype,
        },
      ];
    },
  },
  Softmax: unary('logits'),
  SplitV: {
    inputs: ['x'],
    infer: (inputs, attributes) => {
      const x = at(inputs, 0);
      const axis = at(numbers(attributes, 'axis'), 0);
      return splitSizes(at(x.shape, axis), attributes).map((size) => ({
        shape: x.shape.with(axis, size),
        dtype: x.dtype,
      }));
    },
  },
  Sqrt: unary(),
  Square: unary(),
  Sub: binary(),
  Sum: reduction('axis'),
  Tanh: unary(),
  Tile: {
    inputs: ['x'],
    infer: (inputs, attributes) => {
      const x = at(inputs, 0);
      const reps = numbers(attributes, 'reps');
      return [{ shape: x.shape.map((size, i) => size * at(reps, i)), dtype: x.dtype }];
    },
  },
  Transpose: {
    inputs: ['x'],
    infer: (inputs, attributes) => {
      const x = at(inputs, 0);
      return [{ shape: numbers(attributes, 'perm').map((axis) => at(x.shape, axis)), dtype: x.dtype }];
    },
  },
  ZerosLike: unary(),
} satisfies Record<string, KernelRule>;

/** The sizes of a split's parts; a single number asks for that many equal ones. */
export function splitSizes(total: number, attributes: Attributes): number[] {
  const given = attributes['numOrSizeSplits'];
  if (typeof given === 'number') return Array.from({ length: given }, () => total / given);
  const sizes = [...numbers(attributes, 'numOrSizeSplits')];
  const rest = total - sizes.filter((size) => size >= 0).reduce((sum, size) => sum + size, 0);
  return sizes.map((size) => (size < 0 ? rest : size));
}
