/** What llama.cpp calls a model and its weights, as each family says of itself. */
import type { GgufValue } from '#gguf/format.js';

export interface GgufModel {
  /** `general.architecture`. */
  readonly architecture: string;
  /** The name there of a weight, by its name in the tree of layers; undefined where it has no place for one. */
  readonly nameOf: (name: string) => string | undefined;
  /** The size of the heads whose rows lie in another order there, for weights of which that is so. */
  readonly headsOf: (name: string) => number | undefined;
  /** What is added to the numbers of a weight; 0 for nearly all. */
  readonly addedTo: (name: string) => number;
  /** Keys of the architecture, with their values. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Tensors that are made of the configuration alone, by their names there. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** Why a model of this configuration computes something else there; undefined where it does not. */
  readonly refusal: string | undefined;
}

/**
 * Where row `row` of a head-wise weight comes from. Rotary positions turn entry i of a head with entry i + size / 2 here, and
 * with its neighbour there.
 */
export function sourceRow(row: number, headSize: number): number {
  const head = row - (row % headSize);
  const inside = row - head;
  return head + (inside % 2) * (headSize / 2) + Math.floor(inside / 2);
}

/** Rows [rows, columns] of whole heads in the order that llama.cpp has them. */
export function reorderHeads(rows: Float32Array, columns: number, headSize: number): Float32Array {
  const result = new Float32Array(rows.length);
  for (let row = 0; row < rows.length / columns; row++) {
    const from = sourceRow(row, headSize) * columns;
    result.set(rows.subarray(from, from + columns), row * columns);
  }
  return result;
}
