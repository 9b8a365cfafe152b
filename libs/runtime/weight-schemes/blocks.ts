/**
 * Weights in blocks of codes (see `block-codes.ts`), of which each has three ranges. They are float32 again next to each
 * use and gone after it, so that a step holds one matrix at a time:
 *
 *     codes    uint4 or uint8 [..., columns]
 *     scales   float32        [..., columns / blockSize]
 *     zeros    as the codes   [..., columns / blockSize]
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
type BlockRange = (typeof blockRanges)[number];

const perBlock = (shape: Shape): number[] => [...shape.slice(0, -1), shape.at(-1)! / blockSize];

function blockScheme(bits: CodeBits): WeightScheme<QuantisedWeight> {
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
    name: `blocks${bits}`,
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
    pick(writer, weight, gather) {
      return bits === 8
        ? floats(writer, mapped(writer, weight).map(gather))
        : // No kernel picks halves of bytes.
          gather(this.operand(writer, weight));
    },
  };
}

export const blockSchemes: Readonly<Record<CodeBits, WeightScheme<QuantisedWeight>>> = {
  4: blockScheme(4),
  8: blockScheme(8),
};
