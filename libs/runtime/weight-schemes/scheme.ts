/** What a way of storing frozen weights is to the rest of the engine. */
import type { Shape } from '#base/shapes.js';
import type { ByteRange, WeightSource } from '#jit/graph.js';
import type { OnnxType, OnnxValue } from '#runtime/onnx-graph.js';

/** A frozen weight by its name, stored in one scheme. */
export interface StoredWeight<S extends WeightSource = WeightSource> {
  readonly name: string;
  readonly shape: Shape;
  readonly source: S;
}

/** What a scheme writes operators through. */
export interface WeightWriter {
  /** A tensor that stays in its file; asked for twice it is one. */
  mapped(name: string, shape: Shape, type: OnnxType, range: ByteRange): OnnxValue;
  cast(value: OnnxValue, type: OnnxType): OnnxValue;
  /**
   * What `make` writes, next to each use and freed after it; inside a loop it is made once, outside, under the key.
   */
  besideUse(key: string, make: () => OnnxValue): OnnxValue;
}

/** Bytes of a file, in memory of their own. */
export type RangeReader = (range: ByteRange) => Promise<Uint8Array<ArrayBuffer>>;

/** A way of storing frozen weights. Nobody else knows what its bytes mean. */
export interface WeightScheme<S extends WeightSource = WeightSource> {
  readonly name: string;
  /** All numbers of a weight as float32, in rows. */
  read(weight: Pick<StoredWeight<S>, 'source'>, readRange: RangeReader): Promise<Float32Array>;
  /** The rows from `first` on of a weight, stored as they are: each is as long as its other axes together. */
  rows(weight: Pick<StoredWeight<S>, 'shape' | 'source'>, first: number, count: number): S;
  /** The weight as a float32 operand. */
  operand(writer: WeightWriter, weight: StoredWeight<S>): OnnxValue;
  /** The weight as a table that rows are picked from; they are cast to float32 after that. */
  table(writer: WeightWriter, weight: StoredWeight<S>): OnnxValue;
}
