/**
 * The seam between choosing tokens and computing their logits. Whoever computes may keep what it likes between two
 * calls: a sequence that begins like the one before is the sign to go on from there.
 */
import type { FlatAdapter } from '#adapters/flat-factors.js';

/** The numbers of an adapter, in the layout that a model was made for. They must not change while it answers. */
export type AdapterNumbers = Pick<FlatAdapter, 'parameters' | 'selector'>;

export interface NextTokenModel {
  /** Most tokens that a sequence may have. */
  readonly maxLength: number;
  /**
   * The logits f32 [vocabulary] of the token that follows `tokens`, 1 to `maxLength` of them, in memory of its own.
   *
   * Without an adapter they are the base model's.
   */
  logitsAfter(tokens: readonly number[], adapter: AdapterNumbers | undefined): Promise<Float32Array>;
}
