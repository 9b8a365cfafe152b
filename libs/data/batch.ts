/** Batches: blocks side by side as the flat arrays that a training step takes. */
import type { Block } from '#data/packing.js';

/** B blocks of L tokens; arrays of B * L are row-major, one block after another. */
export interface Batch {
  readonly tokens: Int32Array;
  /** Position of each token in its segment, from 0. Padding has 0. */
  readonly positions: Int32Array;
  /** Segment of each token in its block, from 1; tokens attend within their segment only. 0 is padding. */
  readonly segments: Int32Array;
  /** Flat indices of the tokens whose next token is to be predicted, ascending. Shape [lossCount]. */
  readonly lossRows: Int32Array;
  /** The token to predict at each of these. Shape [lossCount]. */
  readonly lossTargets: Int32Array;
  readonly lossCount: number;
}

/** Puts blocks of equal length together. Throws RangeError if there is none or their lengths differ. */
export function makeBatch(blocks: readonly Block[]): Batch {
  const length = blocks[0]?.tokens.length ?? 0;
  if (blocks.length === 0) throw new RangeError('A batch needs at least one block.');
  const other = blocks.find((block) => block.tokens.length !== length)?.tokens.length;
  if (other !== undefined) {
    throw new RangeError(`Blocks of ${length} and ${other} tokens cannot share a batch.`);
  }

  const size = blocks.length * length;
  const tokens = new Int32Array(size);
  const positions = new Int32Array(size);
  const segments = new Int32Array(size);
  const lossRows: number[] = [];
  const lossTargets: number[] = [];
  for (const [order, block] of blocks.entries()) {
    const start = order * length;
    tokens.set(block.tokens, start);
    segments.set(block.segments, start);
    for (let i = 1; i < length; i++) {
      if (block.segments[i] === 0 || block.segments[i] !== block.segments[i - 1]) continue;
      positions[start + i] = positions[start + i - 1]! + 1;
      if (block.trained[i] !== 1) continue;
      lossRows.push(start + i - 1);
      lossTargets.push(block.tokens[i]!);
    }
  }
  return {
    tokens,
    positions,
    segments,
    lossRows: Int32Array.from(lossRows),
    lossTargets: Int32Array.from(lossTargets),
    lossCount: lossRows.length,
  };
}
