/** A tensor in the files of a model, before it is a parameter. */
import type { BlockWeight } from '#jit/graph.js';
import type { TensorEntry } from '#models/safetensors.js';

export interface LocatedTensor {
  /** Its name in the files. */
  readonly storedAs: string;
  readonly path: string;
  readonly entry: TensorEntry;
  /** Where it lies in blocks. */
  readonly blocks?: BlockWeight;
}
