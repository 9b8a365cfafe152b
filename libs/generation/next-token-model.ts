/**
 * The seam between choosing tokens and computing their logits. Whoever computes may keep what it likes between two
 * calls: a sequence that begins like the one before is the sign to go on from there.
 */
export interface NextTokenModel {
  /** Most tokens that a sequence may have. */
  readonly maxLength: number;
  /**
   * The logits f32 [vocabulary] of the token that follows `tokens`, 1 to `maxLength` of them, in memory of its own.
   *
   * `parameters` is the flat vector of the adapter in use; undefined is the base model. Equal numbers come as the
   * same array.
   */
  logitsAfter(tokens: readonly number[], parameters: Float32Array | undefined): Promise<Float32Array>;
}
