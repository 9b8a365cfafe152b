/**
 * Weights in the blocks of a GGUF file. No kernel reads them, so a process decodes a weight once, into memory of its own,
 * and gives it to its sessions with every run.
 */
import { sizeOf } from '#base/shapes.js';
import { decodePieces } from '#gguf/rows.js';
import type { BlockWeight } from '#jit/graph.js';
import type { StoredWeight, WeightScheme, WeightWriter } from '#runtime/weight-schemes/scheme.js';

/** Rows of heads whose first and second halves take turns, put back in order. */
function unpaired(numbers: Float32Array, headRows: number, columns: number): Float32Array {
  const result = new Float32Array(numbers.length);
  const half = headRows / 2;
  for (let row = 0; row < numbers.length / columns; row++) {
    const inHead = row % headRows;
    const from = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
    result.set(numbers.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return result;
}

const loaded = (writer: WeightWriter, { name, shape, source }: StoredWeight<BlockWeight>) =>
  writer.loaded(name, shape, source);

export const gguf: WeightScheme<BlockWeight> = {
  name: 'gguf',
  async read({ shape, source }, readRange) {
    const { type, file, offset, byteLength, headSize, added } = source;
    const { first, count, of: rows } = source.part ?? { first: 0, count: shape[0] ?? 1, of: shape[0] ?? 1 };
    const columns = sizeOf(shape.slice(1));
    const rowBytes = byteLength / rows;
    const headRows = headSize ?? 1;
    const from = Math.floor(first / headRows) * headRows;
    const to = Math.ceil((first + count) / headRows) * headRows;
    let numbers: Float32Array = new Float32Array((to - from) * columns);
    await decodePieces(type, (to - from) * rowBytes, numbers, (at, length) =>
      readRange({ file, offset: offset + from * rowBytes + at, byteLength: length }),
    );
    if (headSize !== undefined) numbers = unpaired(numbers, headRows, columns);
    if (added !== undefined) for (let i = 0; i < numbers.length; i++) numbers[i]! += added;
    return numbers.length === count * columns
      ? numbers
      : numbers.slice((first - from) * columns, (first - from + count) * columns);
  },
  rows({ shape, source }, first, count) {
    const { part = { first: 0, of: shape[0]! } } = source;
    return { ...source, part: { first: part.first + first, count, of: part.of } };
  },
  operand: loaded,
  pick: (writer, weight, gather) => gather(loaded(writer, weight)),
};
