/** What a way of storing frozen weights is to the rest of the engine. */
import type { Shape } from '#base/shapes.js';
import type { ByteRange, WeightSource } from '#jit/graph.js';
import type { Capabilities } from '#runtime/capabilities.js';
import type { OnnxAttribute, OnnxType, OnnxValue } from '#runtime/onnx-graph.js';

/** A frozen weight by its name, stored in one scheme. */
export interface StoredWeight<S extends WeightSource = WeightSource> {
  readonly name: string;
  readonly shape: Shape;
  readonly source: S;
}

type Attributes = Readonly<Record<string, OnnxAttribute>>;

/** What a scheme writes operators through. */
export interface WeightWriter {
  readonly can: Capabilities;
  emit(
    op: string,
    inputs: readonly OnnxValue[],
    shape: Shape,
    attributes?: Attributes,
    options?: { readonly domain?: string; readonly type?: OnnxType },
  ): OnnxValue;
  binary(op: string, a: OnnxValue, b: OnnxValue): OnnxValue;
  unary(op: string, x: OnnxValue): OnnxValue;
  /** A reduction over the last axis that keeps it with size 1. */
  reduceRows(op: string, x: OnnxValue): OnnxValue;
  reshape(value: OnnxValue, shape: Shape): OnnxValue;
  float(value: number): OnnxValue;
  constant(data: Uint8Array, shape: Shape, type: OnnxType): OnnxValue;
  /** What was written under the same key before, or what `build` writes now. */
  kept<T>(key: string, build: () => T): T;
  /** A tensor that stays in its file; asked for twice it is one. */
  mapped(name: string, shape: Shape, type: OnnxType, range: ByteRange): OnnxValue;
  /** A weight that is given to every run as float32; asked for twice it is one. */
  loaded(name: string, shape: Shape, source: WeightSource): OnnxValue;
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
  read(weight: Pick<StoredWeight<S>, 'shape' | 'source'>, readRange: RangeReader): Promise<Float32Array>;
  /** The rows from `first` on of a weight, stored as they are: each is as long as its other axes together. */
  rows(weight: Pick<StoredWeight<S>, 'shape' | 'source'>, first: number, count: number): S;
  /** The weight as a float32 operand. */
  operand(writer: WeightWriter, weight: StoredWeight<S>): OnnxValue;
  /** Rows of the weight as float32; `gather` writes what picks them out of any table of as many rows. */
  pick(writer: WeightWriter, weight: StoredWeight<S>, gather: (table: OnnxValue) => OnnxValue): OnnxValue;
  /**
   * The product of activations [rows, n] with a weight [n, m], or [m, n] where that is transposed, by kernels of the
   * scheme; undefined where there are none and the operand is to be multiplied.
   */
  product?(
    writer: WeightWriter,
    x: OnnxValue,
    weight: StoredWeight<S>,
    transposed: boolean,
  ): OnnxValue | undefined;
}
