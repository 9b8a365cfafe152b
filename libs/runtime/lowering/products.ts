/** Matrix products. A frozen weight is never transposed: the operator reads it the way it lies. */
import type { Lowering } from '#runtime/lowering/rule.js';
import { resultShape } from '#runtime/lowering/rule.js';
import type { OnnxBuilder } from '#runtime/lowering/builder.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

export interface ProductOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** A factor on the product. */
  readonly alpha?: number;
}

/** Batched product of tensors with equal leading axes. */
export function batchedProduct(
  builder: OnnxBuilder,
  a: OnnxValue,
  b: OnnxValue,
  { transposeA = false, transposeB = false, alpha = 1 }: ProductOptions,
): OnnxValue {
  const rows = a.shape.at(transposeA ? -1 : -2)!;
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  const shape = [...a.shape.slice(0, -2), rows, columns];
  if (!transposeA && !transposeB && alpha === 1) return builder.emit('MatMul', [a, b], shape);
  if (builder.can.hasFusedKernels) {
    const attributes = { transA: Number(transposeA), transB: Number(transposeB), alpha: { float: alpha } };
    return builder.emitMicrosoft('FusedMatMul', [a, b], shape, attributes);
  }
  // Activations, unlike weights, may be transposed.
  const product = builder.emit(
    'MatMul',
    [swapped(builder, a, transposeA), swapped(builder, b, transposeB)],
    shape,
  );
  return alpha === 1 ? product : builder.binary('Mul', product, builder.float(alpha));
}

function swapped(builder: OnnxBuilder, x: OnnxValue, swap: boolean): OnnxValue {
  if (!swap) return x;
  const rank = x.shape.length;
  const perm = x.shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return builder.emit(
    'Transpose',
    [x],
    perm.map((axis) => x.shape[axis]!),
    { perm },
  );
}

const flatProduct: Lowering = (call) => {
  const { builder, inputs, attributes } = call;
  const { transposeA, transposeB } = attributes;
  return builder.emit('Gemm', inputs, resultShape(call), {
    transA: Number(transposeA ?? false),
    transB: Number(transposeB ?? false),
  });
};

export const productRules = {
  BatchMatMul: (call) => {
    const { builder, inputs, attributes } = call;
    const [a, b] = inputs as [OnnxValue, OnnxValue];
    if (a.shape.length === 2) return flatProduct(call);
    return batchedProduct(builder, a, b, {
      transposeA: Boolean(attributes['transposeA']),
      transposeB: Boolean(attributes['transposeB']),
    });
  },
  MatMulAdd: flatProduct,
} satisfies Record<string, Lowering>;
