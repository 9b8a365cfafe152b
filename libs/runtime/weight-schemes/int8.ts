/**
 * Weights of linear layers rounded to 8 bits for both of their products, Y = X W^T and dX = dY W, which are sums of
 * products of integers. Of each matrix there may be two copies, because a kernel reads one with the axis that it sums over
 * first and rounds each of the other axis by a scale of its own:
 *
 *     stored      int8 [m, n]       the matrix as it is stored
 *     transposed  int8 [n, m]
 *     *.scales    float32           one for each of the second axis
 *     *.smoothing float32           one for each of the first axis: activations are multiplied by them before they are
 *                                   rounded, weights were divided; equal ranges are equal numbers
 *
 * Activations are rounded row by row. Whatever has no copy reads the original.
 */
import { sizeOf } from '#base/shapes.js';
import type { ByteRange, QuantisedWeight } from '#jit/graph.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';
import { largestCode, type MatrixSide, weightsOf } from '#runtime/weight-schemes/int8-codes.js';
import { plainSchemes } from '#runtime/weight-schemes/plain.js';
import type {
  RangeReader,
  StoredWeight,
  WeightScheme,
  WeightWriter,
} from '#runtime/weight-schemes/scheme.js';

/** Names of the ranges of a copy. */
export function int8Ranges(transposed: boolean) {
  const codes = transposed ? 'transposed' : 'stored';
  return { codes, scales: `${codes}.scales`, smoothing: `${codes}.smoothing` };
}

/** Codes of activations are unsigned: the kernels for int8 on both sides are 17 times as slow. */
const zeroPoint = 128;
/** A row of zeros has a scale too. */
const smallest = 1e-12;

const keyOf = ({ file, offset }: ByteRange) => `${file} ${offset}`;

/** Activations as codes uint8 [rows, size] and a scale for each row, [rows, 1]; products of one input share them. */
function rounded(writer: WeightWriter, x: OnnxValue, factors: OnnxValue | undefined) {
  return writer.kept(`int8 ${x.name} ${factors?.name ?? ''}`, () => {
    const [rows, size] = x.shape as [number, number];
    const smooth = factors ? writer.binary('Mul', x, factors) : x;
    const largest = writer.reduceRows('ReduceMax', writer.unary('Abs', smooth));
    const atLeast = writer.binary('Max', largest, writer.float(smallest));
    const scales = writer.binary('Mul', atLeast, writer.float(1 / largestCode));
    const zeros = writer.constant(new Uint8Array(rows).fill(zeroPoint), [rows], 'uint8');
    const codes = writer.emit(
      'QuantizeLinear',
      [smooth, writer.reshape(scales, [rows]), zeros],
      [rows, size],
      { axis: 0 },
      { type: 'uint8' },
    );
    return { codes, scales };
  });
}

/** The original. Throws an Error where none is kept, which means that a step reads what its evaluation does not. */
function original({ name, shape, source }: StoredWeight<QuantisedWeight>) {
  if (!source.original)
    throw new Error(`${name} is stored in int8 only, and something else than a product reads it`);
  return { name, shape, source: source.original };
}

async function readCopy(
  { shape, source: { ranges } }: Pick<StoredWeight<QuantisedWeight>, 'shape' | 'source'>,
  transposed: boolean,
  readRange: RangeReader,
): Promise<Float32Array> {
  const names = int8Ranges(transposed);
  const floats = async (name: string) => {
    const range = ranges[name];
    return range && new Float32Array((await readRange(range)).buffer);
  };
  const [codes, scales, factors] = [
    await readRange(ranges[names.codes]!),
    await floats(names.scales),
    await floats(names.smoothing),
  ];
  const side: MatrixSide = { shape: shape as readonly [number, number], transposed };
  return weightsOf(
    new Int8Array(codes.buffer),
    side,
    scales!,
    factors?.map((factor) => 1 / factor),
  );
}

export const int8: WeightScheme<QuantisedWeight> = {
  name: 'int8',
  // The numbers that the products read, as far as one matrix can say them.
  read({ shape, source }, readRange) {
    const transposed = int8Ranges(true).codes in source.ranges;
    return readCopy({ shape, source }, transposed, readRange);
  },
  rows({ shape, source }, first, count) {
    const { original: whole, ...rest } = source;
    if (!whole) throw new Error('rows are picked from a weight that is stored in int8 only');
    return {
      ...rest,
      ranges: {},
      original: plainSchemes[whole.storage].rows({ shape, source: whole }, first, count),
    };
  },
  operand(writer, weight) {
    const plain = original(weight);
    return plainSchemes[plain.source.storage].operand(writer, plain);
  },
  pick(writer, weight, gather) {
    const plain = original(weight);
    return plainSchemes[plain.source.storage].pick(writer, plain, gather);
  },
  product(writer, x, { name, shape, source: { ranges } }, transposed) {
    const names = int8Ranges(transposed);
    const range = ranges[names.codes];
    if (!range || !writer.can.hasIntegerProducts) return undefined;
    const [inner, outer] = (transposed ? shape.toReversed() : shape) as [number, number];
    const copy = writer.mapped(`${name} ${names.codes}`, [inner, outer], 'int8', range);
    const scales = writer.mapped(`${name} ${names.scales}`, [outer], 'float32', ranges[names.scales]!);
    const smoothing = ranges[names.smoothing];
    const factors =
      smoothing && writer.mapped(`smoothing ${keyOf(smoothing)}`, [inner], 'float32', smoothing);
    const activations = rounded(writer, x, factors);
    const product = writer.emit(
      'MatMulIntegerToFloat',
      [
        activations.codes,
        copy,
        // The kernel takes no scale for each row: they are multiplied in after it.
        writer.float(1),
        scales,
        writer.constant(Uint8Array.of(zeroPoint), [], 'uint8'),
        writer.constant(Uint8Array.of(0), [], 'int8'),
      ],
      [x.shape[0]!, outer],
      {},
      { domain: 'com.microsoft', type: 'float32' },
    );
    return writer.binary('Mul', product, activations.scales);
  },
};

/** Bytes that a matrix takes in int8, with the scales of its copies. */
export function int8Bytes([m, n]: readonly [number, number], copies: 1 | 2): number {
  // Scales of the second axis of each copy, and smoothing factors of one.
  return copies * sizeOf([m, n]) + 4 * (copies === 1 ? m + n : m + 2 * n);
}
