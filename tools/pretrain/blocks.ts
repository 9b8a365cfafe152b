/**
 * Blocks for pretraining: shuffled passages laid end to end and cut every `length` tokens, so that none is padding.
 *
 * A passage cut at the end of a block goes on in the next one as a segment of its own.
 */
import type { Block } from '#data/packing.js';
import { epochOrder } from '#data/shuffle.js';

function emptyBlock(length: number): Block {
  return {
    tokens: new Int32Array(length),
    segments: new Int32Array(length),
    trained: new Uint8Array(length),
  };
}

/** Endless blocks over the passages (token ids, with their `<s>` and `</s>`), every epoch in another order. */
export function* pretrainingBlocks(
  passages: readonly (readonly number[])[],
  { length, seed }: { length: number; seed: number },
): Generator<Block, never> {
  let block = emptyBlock(length);
  let filled = 0;
  let segment = 0;
  for (let epoch = 0; ; epoch += 1) {
    for (const index of epochOrder(seed, epoch, passages.length)) {
      segment += 1;
      for (const token of passages[index]!) {
        block.tokens[filled] = token;
        block.segments[filled] = segment;
        block.trained[filled] = filled > 0 && block.segments[filled - 1] === segment ? 1 : 0;
        filled += 1;
        if (filled < length) continue;
        yield block;
        block = emptyBlock(length);
        filled = 0;
        segment = 1;
      }
    }
  }
}
