/** Weights whose numbers lie one after another: float32, or half precision that is upcast, which is exact. */
import { upcastBfloat16, upcastFloat16 } from '#base/half-precision.js';
import { sizeOf } from '#base/shapes.js';
import type { PlainWeight, Storage } from '#jit/graph.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';
import type { StoredWeight, WeightScheme, WeightWriter } from '#runtime/weight-schemes/scheme.js';

/** Numbers are upcast in pieces, so that a large tensor does not stand in memory twice. */
const pieceBytes = 16 << 20;

interface Layout {
  readonly elementBytes: number;
  /** Writes stored numbers to `target` from index `at` on; none = they are float32 as they lie. */
  readonly upcast?: (source: Uint16Array, target: Float32Array, at: number) => void;
}

function plainScheme(name: Storage, { elementBytes, upcast }: Layout): WeightScheme<PlainWeight> {
  const mapped = (writer: WeightWriter, { name, shape, source }: StoredWeight<PlainWeight>): OnnxValue =>
    writer.mapped(name, shape, source.storage, source);
  return {
    name,
    async read({ source }, readRange) {
      if (!upcast) return new Float32Array((await readRange(source)).buffer);
      const { file, offset, byteLength } = source;
      const result = new Float32Array(byteLength / elementBytes);
      for (let done = 0; done < byteLength; done += pieceBytes) {
        const piece = { file, offset: offset + done, byteLength: Math.min(pieceBytes, byteLength - done) };
        upcast(new Uint16Array((await readRange(piece)).buffer), result, done / elementBytes);
      }
      return result;
    },
    rows({ shape, source }, first, count) {
      const rowBytes = sizeOf(shape.slice(1)) * elementBytes;
      return { ...source, offset: source.offset + first * rowBytes, byteLength: count * rowBytes };
    },
    // Only the rows that are picked are upcast.
    pick: (writer, weight, gather) => writer.cast(gather(mapped(writer, weight)), 'float32'),
    operand(writer, weight) {
      const stored = mapped(writer, weight);
      return upcast ? writer.besideUse(stored.name, () => writer.cast(stored, 'float32')) : stored;
    },
  };
}

export const plainSchemes: Readonly<Record<Storage, WeightScheme<PlainWeight>>> = {
  float32: plainScheme('float32', { elementBytes: 4 }),
  bfloat16: plainScheme('bfloat16', { elementBytes: 2, upcast: upcastBfloat16 }),
  float16: plainScheme('float16', { elementBytes: 2, upcast: upcastFloat16 }),
};
