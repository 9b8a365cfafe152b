/** Kernels that move numbers about. */
import { splitSizes } from '#jit/tensorflow-kernels.js';
import type { OnnxBuilder } from '#runtime/lowering/builder.js';
import { type Lowering, numbersOf, resultShape } from '#runtime/lowering/rule.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

/** Tensors end to end along an axis. */
export function joined(builder: OnnxBuilder, parts: readonly OnnxValue[], axis: number): OnnxValue {
  const { joinedAtOnce } = builder.can;
  if (parts.length > joinedAtOnce) {
    const groups = Array.from({ length: Math.ceil(parts.length / joinedAtOnce) }, (_, i) =>
      joined(builder, parts.slice(i * joinedAtOnce, (i + 1) * joinedAtOnce), axis),
    );
    return joined(builder, groups, axis);
  }
  const size = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  return builder.emit('Concat', parts, parts[0]!.shape.with(axis, size), { axis });
}

export const layoutRules = {
  Concat: ({ builder, inputs, attributes }) => joined(builder, inputs, numbersOf(attributes, 'axis')[0] ?? 0),
  GatherV2: (call) =>
    call.builder.emit('Gather', call.inputs, resultShape(call), {
      axis: numbersOf(call.attributes, 'axis')[0] ?? 0,
    }),
  OneHot: (call) => {
    const { builder, inputs, attributes, node } = call;
    const indices = inputs[0]!;
    const depth = numbersOf(attributes, 'depth')[0] ?? 0;
    const columns = builder.shared(`range ${depth}`, () =>
      builder.emit(
        'Range',
        [0, depth, 1].map((number) => builder.constant(Int32Array.of(number), [])),
        [depth],
      ),
    );
    const rows = builder.reshape(indices, [...indices.shape, 1]);
    const matches = builder.emit('Equal', [rows, columns], resultShape(call), {}, { type: 'bool' });
    return builder.cast(matches, node.outputs[0]!.dtype);
  },
  Pack: (call) => {
    const { builder, inputs, attributes } = call;
    const axis = numbersOf(attributes, 'axis')[0] ?? 0;
    const parts = inputs.map((input) => builder.reshape(input, input.shape.toSpliced(axis, 0, 1)));
    return builder.emit('Concat', parts, resultShape(call), { axis });
  },
  PadV2: (call) => {
    const { builder, inputs, attributes } = call;
    const paddings = numbersOf(attributes, 'paddings');
    const [before, after] = [0, 1].map((side) => paddings.filter((_, i) => i % 2 === side)) as [
      number[],
      number[],
    ];
    const value = builder.float(Number(attributes['constantValue'] ?? 0));
    return builder.emit('Pad', [inputs[0], builder.ints([...before, ...after]), value], resultShape(call));
  },
  Reshape: (call) => call.builder.reshape(call.inputs[0]!, resultShape(call)),
  Slice: (call) => {
    const { builder, inputs, attributes } = call;
    const begin = numbersOf(attributes, 'begin');
    const shape = resultShape(call);
    return shape.reduce<OnnxValue>(
      (value, size, axis) => builder.sliceAxis(value, axis, begin[axis] ?? 0, (begin[axis] ?? 0) + size),
      inputs[0]!,
    );
  },
  SplitV: ({ builder, inputs, attributes, node }) => {
    const x = inputs[0]!;
    const axis = numbersOf(attributes, 'axis')[0] ?? 0;
    const sizes = splitSizes(x.shape[axis] ?? 0, attributes);
    if (!builder.can.hasSplit) {
      const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
      return sizes.map((size, i) => builder.sliceAxis(x, axis, starts[i]!, starts[i]! + size));
    }
    const outputs = node.outputs.map(({ shape }) => ({ shape, type: x.type }));
    return builder.emitAll('Split', [x, builder.ints(sizes)], outputs, { axis });
  },
  Tile: (call) => {
    const { builder, inputs, attributes } = call;
    return builder.emit('Tile', [inputs[0], builder.ints(numbersOf(attributes, 'reps'))], resultShape(call));
  },
  Transpose: (call) =>
    call.builder.emit('Transpose', call.inputs, resultShape(call), {
      perm: numbersOf(call.attributes, 'perm'),
    }),
} satisfies Record<string, Lowering>;
