/** The seam between choosing tokens and computing their logits. */
import type { FlatAdapter } from '#adapters/flat-factors.js';

/** The numbers of an adapter, in the layout that a model was made for. They must not change while it answers. */
export type AdapterNumbers = Pick<FlatAdapter, 'parameters' | 'selector'>;

/** One sequence of tokens under one adapter, with what the model keeps of it. Others do not disturb it. */
export interface TokenSequence {
  /**
   * Puts one or more tokens at the end and gives the logits f32 [vocabulary] of the one that follows, in memory of its
   * own. Each call waits for the one before.
   */
  extend(tokens: readonly number[]): Promise<Float32Array>;
}

export interface NextTokenModel {
  /** Most tokens that a sequence may have. */
  readonly maxLength: number;
  /** A sequence without tokens; without an adapter its logits are the base model's. */
  open(adapter: AdapterNumbers | undefined): TokenSequence;
}
