/** Keys and values of the tokens of one sequence; plain numbers, no tensors. */
import type { AttentionShape } from '#nn/decoder-pass.js';
import type { NumericArray } from '#runtime/numeric-array.js';

/** Names under which step functions take and give the keys and values of a layer. */
export const keysName = (layer: number): string => `keys.${layer}`;
export const valuesName = (layer: number): string => `values.${layer}`;
const statePrefix = 'state.';
/** Name of what else the layer of a path carries from token to token. */
export const stateName = (path: string): string => `${statePrefix}${path}`;
export const isStateName = (name: string): boolean => name.startsWith(statePrefix);

/** What a cache keeps of one layer. */
export type CachedLayer = Pick<AttentionShape, 'layer' | 'kvHeads' | 'headDim'>;

interface CachedArray {
  readonly name: string;
  readonly kvHeads: number;
  readonly headDim: number;
  /** [kvHeads, capacity, headDim] */
  readonly numbers: Float32Array;
}

export class KeyValueCache {
  private arrays: readonly CachedArray[];

  /** Takes over arrays f32 [kvHeads, capacity, headDim] by their names; the first `length` tokens of each count. */
  constructor(
    layers: readonly CachedLayer[],
    private room: number,
    private count: number,
    arrays: Readonly<Record<string, NumericArray>>,
  ) {
    this.arrays = layers.flatMap(({ layer, kvHeads, headDim }) =>
      [keysName(layer), valuesName(layer)].map((name) => ({
        name,
        kvHeads,
        headDim,
        numbers: arrays[name] as Float32Array,
      })),
    );
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
    return Object.fromEntries(this.arrays.map(({ name, numbers }) => [name, numbers]));
  }

  /** Keeps one token more, f32 in the order of the layers, keys [kvHeads, headDim] before values. */
  append(added: Float32Array): void {
    let from = 0;
    for (const { kvHeads, headDim, numbers } of this.arrays) {
      for (let head = 0; head < kvHeads; head++, from += headDim) {
        numbers.set(added.subarray(from, from + headDim), (head * this.room + this.count) * headDim);
      }
    }
    this.count++;
  }

  /** Moves to arrays with room for more tokens. */
  grow(capacity: number): void {
    this.arrays = this.arrays.map(({ name, kvHeads, headDim, numbers }) => {
      const larger = new Float32Array(kvHeads * capacity * headDim);
      for (let head = 0; head < kvHeads; head++) {
        const from = head * this.room * headDim;
        larger.set(numbers.subarray(from, from + this.count * headDim), head * capacity * headDim);
      }
      return { name, kvHeads, headDim, numbers: larger };
    });
    this.room = capacity;
  }
}
