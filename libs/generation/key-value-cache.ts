/** Keys and values of the tokens of one sequence; plain numbers, no tensors. */
import type { NumericArray } from '#runtime/numeric-array.js';

/** Names under which step functions take and give the keys and values of a layer. */
export const keysName = (layer: number): string => `keys.${layer}`;
export const valuesName = (layer: number): string => `values.${layer}`;

/** The sizes of a cache that do not change while it grows. */
export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

export class KeyValueCache {
  private readonly names: readonly string[];
  private arrays: readonly Float32Array[];

  /** Takes over arrays f32 [kvHeads, capacity, headDim] by their names; the first `length` tokens of each count. */
  constructor(
    private readonly shape: CacheShape,
    private room: number,
    private count: number,
    arrays: Readonly<Record<string, NumericArray>>,
  ) {
    const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
    this.names = layers.flatMap((layer) => [keysName(layer), valuesName(layer)]);
    this.arrays = this.names.map((name) => arrays[name] as Float32Array);
  }

  /** Tokens that are kept. */
  get length(): number {
    return this.count;
  }

  /** Tokens that there is room for. */
  get capacity(): number {
    return this.room;
  }

  /** The arrays as they lie, not copied. */
  inputs(): Record<string, Float32Array> {
    return Object.fromEntries(this.names.map((name, i) => [name, this.arrays[i]!]));
  }

  /** Keeps one token more, f32 [2 * layers * kvHeads, headDim] in the order of the layers, keys before values. */
  append(added: Float32Array): void {
    const { kvHeads, headDim } = this.shape;
    let from = 0;
    for (const array of this.arrays) {
      for (let head = 0; head < kvHeads; head++, from += headDim) {
        array.set(added.subarray(from, from + headDim), (head * this.room + this.count) * headDim);
      }
    }
    this.count++;
  }

  /** Moves to arrays with room for more tokens. */
  grow(capacity: number): void {
    const { kvHeads, headDim } = this.shape;
    this.arrays = this.arrays.map((array) => {
      const larger = new Float32Array(kvHeads * capacity * headDim);
      for (let head = 0; head < kvHeads; head++) {
        const from = head * this.room * headDim;
        larger.set(array.subarray(from, from + this.count * headDim), head * capacity * headDim);
      }
      return larger;
    });
    this.room = capacity;
  }
}
