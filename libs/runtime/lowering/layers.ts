/** The project's own kernels, one layer each, in the operators that ONNX Runtime runs fastest. */
import { sizeOf } from '#base/shapes.js';
import { geluTanh } from '#jit/ops/gelu.js';
import type { OnnxBuilder } from '#runtime/lowering/builder.js';
import { type Lowering, resultShape } from '#runtime/lowering/rule.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

/** The normalised rows and, [rows, 1], the reciprocal root mean square that the backward pass reads again. */
function normalized(builder: OnnxBuilder, x: OnnxValue, weight: OnnxValue, epsilon: number) {
  return builder.kept(`rms ${x.name} ${weight.name}`, () => {
    const outputs = [x, { shape: x.shape.with(x.shape.length - 1, 1), type: x.type }];
    const attributes = { axis: -1, epsilon: { float: epsilon } };
    const [y, inverse] = builder.emitAll('SimplifiedLayerNormalization', [x, weight], outputs, attributes);
    return { y: y!, inverse: inverse! };
  });
}

/** 1 / sqrt(mean(x^2) + epsilon), [rows, 1]. */
function reciprocalRoot(builder: OnnxBuilder, x: OnnxValue, weight: OnnxValue, epsilon: number): OnnxValue {
  if (builder.can.normGivesRoot) return normalized(builder, x, weight, epsilon).inverse;
  const squares = builder.reduceRows('ReduceMean', builder.binary('Mul', x, x));
  const root = builder.unary('Sqrt', builder.binary('Add', squares, builder.float(epsilon)));
  return builder.unary('Reciprocal', root);
}

const rmsNorm: Lowering = ({ builder, inputs: [x, weight], attributes }) =>
  normalized(builder, x!, weight!, Number(attributes['epsilon'])).y;

/** dx = inverse * (w dy - x * inverse^2 * mean(w dy x)), with inverse = 1 / sqrt(mean(x^2) + epsilon). */
const rmsNormGradient: Lowering = ({ builder, inputs, attributes }) => {
  const [x, weight, dy] = inputs as [OnnxValue, OnnxValue, OnnxValue];
  const inverse = reciprocalRoot(builder, x, weight, Number(attributes['epsilon']));
  const scaled = builder.binary('Mul', dy, weight);
  const projection = builder.reduceRows('ReduceSum', builder.binary('Mul', scaled, x));
  const inverseSquare = builder.binary('Mul', inverse, inverse);
  const share = builder.binary(
    'Mul',
    projection,
    builder.binary('Mul', inverseSquare, builder.float(1 / x.shape.at(-1)!)),
  );
  const along = builder.binary('Mul', x, share);
  return builder.binary('Mul', builder.binary('Sub', scaled, along), inverse);
};

function silu(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  if (builder.can.hasFusedKernels) {
    return builder.emitMicrosoft('QuickGelu', [x], x.shape, { alpha: { float: 1 } });
  }
  return builder.binary('Mul', x, builder.unary('Sigmoid', x));
}

const swiGlu: Lowering = ({ builder, inputs: [gate, up] }) =>
  builder.binary('Mul', silu(builder, gate!), up!);

/**
 * dUp = dy silu(g) and, with s = sigmoid(g), dGate = dy up (s + g s (1 - s)) = up (dUp + s (dy - dUp)), which takes
 * the fewest passes over memory.
 */
const swiGluGradient: Lowering = ({ builder, inputs }) => {
  const [gate, up, dy] = inputs as [OnnxValue, OnnxValue, OnnxValue];
  const s = builder.unary('Sigmoid', gate);
  const dUp = builder.binary('Mul', dy, builder.binary('Mul', gate, s));
  const between = builder.binary('Add', dUp, builder.binary('Mul', s, builder.binary('Sub', dy, dUp)));
  return [builder.binary('Mul', up, between), dUp];
};

/** tanh(...) or erf(x / sqrt(2)): what half of one more of it is multiplied by x. */
function geluCore(builder: OnnxBuilder, x: OnnxValue, form: unknown): OnnxValue {
  const times = (x: OnnxValue, factor: number) => builder.binary('Mul', x, builder.float(factor));
  if (form === 'erf') return builder.unary('Erf', times(x, Math.SQRT1_2));
  const inner = builder.binary('Add', times(builder.binary('Mul', x, x), geluTanh.cubic), builder.float(1));
  return builder.unary('Tanh', times(builder.binary('Mul', x, inner), geluTanh.slope));
}

/** (1 + core) / 2. */
function geluHalf(builder: OnnxBuilder, core: OnnxValue): OnnxValue {
  return builder.binary('Mul', builder.binary('Add', core, builder.float(1)), builder.float(0.5));
}

const gelu: Lowering = ({ builder, inputs: [x], attributes: { form } }) => {
  if (builder.can.hasFusedKernels) {
    return builder.emitMicrosoft(form === 'erf' ? 'Gelu' : 'FastGelu', [x!], x!.shape);
  }
  return builder.binary('Mul', x!, geluHalf(builder, geluCore(builder, x!, form)));
};

/** dx = dy ((1 + core) / 2 + x core' / 2). */
const geluGradient: Lowering = ({ builder, inputs, attributes: { form } }) => {
  const [x, dy] = inputs as [OnnxValue, OnnxValue];
  const core = geluCore(builder, x, form);
  const square = builder.binary('Mul', x, x);
  const times = (x: OnnxValue, factor: number) => builder.binary('Mul', x, builder.float(factor));
  const fall = () => builder.binary('Sub', builder.float(1), builder.binary('Mul', core, core));
  const slope =
    form === 'erf'
      ? times(builder.unary('Exp', times(square, -0.5)), 1 / Math.sqrt(2 * Math.PI))
      : builder.binary(
          'Mul',
          times(fall(), geluTanh.slope / 2),
          builder.binary('Add', times(square, 3 * geluTanh.cubic), builder.float(1)),
        );
  const total = builder.binary('Add', geluHalf(builder, core), builder.binary('Mul', x, slope));
  return builder.binary('Mul', dy, total);
};

const rotary: Lowering = ({ builder, inputs, attributes }) => {
  const [x, cos, sin] = inputs as [OnnxValue, OnnxValue, OnnxValue];
  const [rows, width] = x.shape as [number, number];
  const turn = attributes['inverse']
    ? builder.shared(`neg ${sin.name}`, () => builder.unary('Neg', sin))
    : sin;
  // One sequence of all rows whose angles are given row by row: position i reads line i of the two tables.
  const start = builder.constant(BigInt64Array.of(0n), [1]);
  const sequence = builder.reshape(x, [1, rows, width]);
  const rotated = builder.emitMicrosoft('RotaryEmbedding', [sequence, start, cos, turn], sequence.shape);
  return builder.reshape(rotated, x.shape);
};

/** lowbias32 of index * multiplier + offset; ONNX multiplies int32 and shifts uint32. */
const randomBits: Lowering = (call) => {
  const { builder, inputs } = call;
  const [key] = inputs as [OnnxValue];
  const shape = resultShape(call);
  const count = sizeOf(shape);
  const words = Math.ceil(count / 2);
  const int = (value: number) => builder.constant(Int32Array.of(value), []);
  const index = builder.shared(`range ${words}`, () =>
    builder.emit('Range', [int(0), int(words), int(1)], [words]),
  );
  const part = (i: number) => builder.emit('Gather', [key, int(i)], [], { axis: 0 });
  const shiftRight = (x: OnnxValue, bits: number) => {
    const amount = builder.cast(int(bits), 'uint32');
    const shifted = builder.emit('BitShift', [builder.cast(x, 'uint32'), amount], x.shape, {
      direction: 'RIGHT',
    });
    return builder.cast(shifted, 'int32');
  };
  const fold = (x: OnnxValue, bits: number) => builder.binary('BitwiseXor', x, shiftRight(x, bits));
  let x = builder.binary('Add', builder.binary('Mul', index, part(0)), part(1));
  x = builder.binary('Mul', fold(x, 16), int(0x7feb352d));
  x = builder.binary('Mul', fold(x, 15), int(0x846ca68b));
  x = fold(x, 16);
  const halves = [builder.binary('BitwiseAnd', x, int(0xffff)), shiftRight(x, 16)];
  const all = builder.emit('Concat', halves, [2 * words], { axis: 0 });
  return builder.reshape(builder.sliceAxis(all, 0, 0, count), shape);
};

const pickColumn: Lowering = ({ builder, inputs }) => {
  const [x, column] = inputs as [OnnxValue, OnnxValue];
  const rows = column.shape[0]!;
  const picked = builder.emit('GatherElements', [x, builder.reshape(column, [rows, 1])], [rows, 1], {
    axis: 1,
  });
  return builder.reshape(picked, [rows]);
};

const gated: Lowering = ({ builder, inputs }) => {
  const [x, gate] = inputs as [OnnxValue, OnnxValue];
  const off = builder.emit('Equal', [gate, builder.float(0)], [], {}, { type: 'bool' });
  return builder.emit('Where', [off, builder.float(-0), x], x.shape, {}, { type: x.type });
};

export const layerRules = {
  Gated: gated,
  Gelu: gelu,
  GeluGradient: geluGradient,
  PickColumn: pickColumn,
  RandomBits: randomBits,
  RmsNorm: rmsNorm,
  RmsNormGradient: rmsNormGradient,
  Rotary: rotary,
  SwiGlu: swiGlu,
  SwiGluGradient: swiGluGradient,
} satisfies Record<string, Lowering>;
