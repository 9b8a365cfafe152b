/** Kernels that work element by element. */
import type { DType } from '#jit/graph.js';
import { type Lowering, resultShape } from '#runtime/lowering/rule.js';
import { exactCos, exactSin } from '#runtime/lowering/trigonometry.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

const unary =
  (op: string): Lowering =>
  ({ builder, inputs: [x] }) =>
    builder.unary(op, x!);

const binary =
  (op: string): Lowering =>
  ({ builder, inputs: [a, b] }) =>
    builder.binary(op, a!, b!);

const comparison =
  (op: string): Lowering =>
  (call) => {
    const { builder, inputs } = call;
    return builder.emit(op, inputs, resultShape(call), {}, { type: 'bool' });
  };

const fill =
  (value: number): Lowering =>
  ({ builder, node }) => {
    const { shape, dtype } = node.outputs[0]!;
    return builder.filled(shape, dtype, value);
  };

export const elementwiseRules = {
  Abs: unary('Abs'),
  Add: binary('Add'),
  Cast: ({ builder, inputs: [x], attributes }) => builder.cast(x!, attributes['dtype'] as DType),
  Cos: ({ builder, inputs: [x] }) => exactCos(builder, x!),
  Equal: comparison('Equal'),
  Exp: unary('Exp'),
  Fill: ({ builder, node, attributes }) => {
    const { shape, dtype } = node.outputs[0]!;
    return builder.filled(shape, dtype, Number(attributes['value']));
  },
  Floor: unary('Floor'),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  Log: unary('Log'),
  LogicalAnd: comparison('And'),
  LogicalNot: unary('Not'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Multiply: binary('Mul'),
  Neg: unary('Neg'),
  NotEqual: (call) => {
    const { builder, inputs } = call;
    return builder.unary('Not', builder.emit('Equal', inputs, resultShape(call), {}, { type: 'bool' }));
  },
  OnesLike: fill(1),
  RealDiv: binary('Div'),
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  Rsqrt: ({ builder, inputs: [x] }) => builder.unary('Reciprocal', builder.unary('Sqrt', x!)),
  Select: (call) => {
    const { builder, inputs } = call;
    const [condition, t, e] = inputs as [OnnxValue, OnnxValue, OnnxValue];
    return builder.emit('Where', [condition, t, e], resultShape(call), {}, { type: t.type });
  },
  Sigmoid: unary('Sigmoid'),
  Sin: ({ builder, inputs: [x] }) => exactSin(builder, x!),
  Sqrt: unary('Sqrt'),
  Square: ({ builder, inputs: [x] }) => builder.binary('Mul', x!, x!),
  Sub: binary('Sub'),
  Tanh: unary('Tanh'),
  ZerosLike: fill(0),
} satisfies Record<string, Lowering>;
