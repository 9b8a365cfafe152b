/** Kernels that fold an axis. */
import { reductionAxes } from '#jit/tensorflow-kernels.js';
import { type Lowering, numbersOf, resultShape } from '#runtime/lowering/rule.js';

const reduction =
  (op: string, axisAttribute: string): Lowering =>
  (call) => {
    const { builder, inputs, attributes } = call;
    const x = inputs[0]!;
    const axes = reductionAxes(numbersOf(attributes, axisAttribute), x.shape.length);
    const keepdims = attributes['keepDims'] ? 1 : 0;
    return builder.emit(op, [x, builder.ints(axes)], resultShape(call), { keepdims });
  };

export const reductionRules = {
  ArgMax: (call) => {
    const { builder, inputs, attributes } = call;
    const x = inputs[0]!;
    const [axis] = reductionAxes(numbersOf(attributes, 'axis'), x.shape.length);
    const found = builder.emit(
      'ArgMax',
      [x],
      resultShape(call),
      { axis: axis!, keepdims: 0 },
      { type: 'int64' },
    );
    return builder.cast(found, 'int32');
  },
  Max: reduction('ReduceMax', 'reductionIndices'),
  Mean: reduction('ReduceMean', 'axis'),
  Min: reduction('ReduceMin', 'axis'),
  Softmax: ({ builder, inputs: [x] }) => builder.emit('Softmax', [x], x!.shape, { axis: -1 }),
  Sum: reduction('ReduceSum', 'axis'),
} satisfies Record<string, Lowering>;
