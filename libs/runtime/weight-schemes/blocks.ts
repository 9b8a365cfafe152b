/**
 * Weights in blocks of codes (see `block-codes.ts`), of which each has three ranges. They are float32 again next to each
 * use and gone after it, so that a step holds one matrix at a time:
 *
 *     codes    uint4 or uint8 [..., columns]
 *     scales   float32        [..., columns / blockSize]
 *     zeros    as the codes   [..., columns / blockSize]
 *
 * For answers there are schemes of the same bytes whose product with a single row of activations, which waits for memory
 * and nothing else, reads the codes as they lie and rounds the row, too, block by block.
 */
import type { Shape } from '#base/shapes.js';
import type { QuantisedWeight } from '#jit/graph.js';
import type { OnnxType, OnnxValue } from '#runtime/onnx-graph.js';
import {
  blockSize,
  type CodeBits,
  rangeBytes,
  weightsOfBlocks,
} from '#runtime/weight-schemes/block-codes.js';
import type { StoredWeight, WeightScheme, WeightWriter } from '#runtime/weight-schemes/scheme.js';

export const blockRanges = ['codes', 'scales', 'zeros'] as const;
/** What weights are read for: answers take one row at a time. */
export type BlockUse = 'training' | 'answers';
type BlockRange = (typeof blockRanges)[number];

const perBlock = (shape: Shape): number[] => [...shape.slice(0, -1), shape.at(-1)! / blockSize];

/** The product of one row with a matrix [m, n], transposed. */
function rowProduct(
  writer: WeightWriter,
  x: OnnxValue,
  { name, shape, source }: StoredWeight<QuantisedWeight>,
  bits: CodeBits,
): OnnxValue {
  const [m, n] = shape as [number, number];
  const blocks = n / blockSize;
  const part = (range: BlockRange, dims: Shape, type: OnnxType) =>
    writer.mapped(`${name} ${range} of rows`, dims, type, source.ranges[range]!);
  return writer.emit(
    'MatMulNBits',
    [
      x,
      part('codes', [m, blocks, (blockSize * bits) / 8], 'uint8'),
      part('scales', [m, blocks], 'float32'),
      part('zeros', [m, (blocks * bits) / 8], 'uint8'),
    ],
    [1, m],
    // Level 4: activations of 8 bits.
    { K: n, N: m, bits, block_size: blockSize, accuracy_level: 4 },
    { domain: 'com.microsoft' },
  );
}

function blockScheme(name: string, bits: CodeBits, use: BlockUse): WeightScheme<QuantisedWeight> {
  const types: Readonly<Record<BlockRange, OnnxType>> = {
    codes: bits === 4 ? 'uint4' : 'uint8',
    scales: 'float32',
    zeros: bits === 4 ? 'uint4' : 'uint8',
  };
  const mapped = (writer: WeightWriter, { name, shape, source }: StoredWeight<QuantisedWeight>) =>
    blockRanges.map((range) =>
      writer.mapped(
        `${name} ${range}`,
        range === 'codes' ? shape : perBlock(shape),
        types[range],
        source.ranges[range]!,
      ),
    );
  const floats = (writer: WeightWriter, parts: readonly OnnxValue[]) => {
    const { shape } = parts[0]!;
    const attributes = { axis: shape.length - 1, block_size: blockSize };
    return writer.emit('DequantizeLinear', parts, shape, attributes, { type: 'float32' });
  };

  return {
    name,
    async read({ source }, readRange) {
      const [codes, scales, zeros] = await Promise.all(
        blockRanges.map((range) => readRange(source.ranges[range]!)),
      );
      return weightsOfBlocks(
        { codes: codes!, scales: new Float32Array(scales!.buffer), zeros: zeros! },
        bits,
      );
    },
    rows({ shape, source }, first, count) {
      const [before, inside] = [first, count].map((rows) => rangeBytes([rows, ...shape.slice(1)], bits));
      const part = (range: BlockRange) => {
        const { file, offset } = source.ranges[range]!;
        return { file, offset: offset + before![range], byteLength: inside![range] };
      };
      return { ...source, ranges: Object.fromEntries(blockRanges.map((range) => [range, part(range)])) };
    },
    operand(writer, weight) {
      return writer.besideUse(`${weight.name} floats`, () => floats(writer, mapped(writer, weight)));
    },
    product(writer, x, weight, transposed) {
      const isRow = use === 'answers' && transposed && x.shape[0] === 1;
      return isRow ? rowProduct(writer, x, weight, bits) : undefined;
    },
    pick(writer, weight, gather) {
      return bits === 8
        ? floats(writer, mapped(writer, weight).map(gather))
        : // No kernel picks halves of bytes.
          gather(this.operand(writer, weight));
    },
  };
}

/** By what they are for, and by bits. */
export const blockSchemes: Readonly<
  Record<BlockUse, Readonly<Record<CodeBits, WeightScheme<QuantisedWeight>>>>
> = {
  training: { 4: blockScheme('blocks4', 4, 'training'), 8: blockScheme('blocks8', 8, 'training') },
  answers: { 4: blockScheme('answers4', 4, 'answers'), 8: blockScheme('answers8', 8, 'answers') },
};
