import { describe, expect, it } from 'vitest';
import { makeBatch } from '#data/batch.js';
import type { Block } from '#data/packing.js';

function block(tokens: number[], segments: number[], trained: number[]): Block {
  return {
    tokens: Int32Array.from(tokens),
    segments: Int32Array.from(segments),
    trained: Uint8Array.from(trained),
  };
}

describe('makeBatch', () => {
  it('restarts positions in each segment and predicts within segments only', () => {
    const batch = makeBatch([
      block([5, 6, 7, 8, 9, 0], [1, 1, 1, 2, 2, 0], [0, 1, 1, 0, 1, 0]),
      block([1, 2, 3, 4, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 0, 0]),
    ]);
    expect([...batch.tokens]).toEqual([5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 0, 0]);
    expect([...batch.segments]).toEqual([1, 1, 1, 2, 2, 0, 1, 1, 1, 1, 0, 0]);
    expect([...batch.positions]).toEqual([0, 1, 2, 0, 1, 0, 0, 1, 2, 3, 0, 0]);
    expect([...batch.lossRows]).toEqual([0, 1, 3, 8]);
    expect([...batch.lossTargets]).toEqual([6, 7, 9, 4]);
    expect(batch.lossCount).toBe(4);
  });

  it('takes no target across the edge of a segment, a block or the padding', () => {
    const batch = makeBatch([block([1, 2, 3], [1, 2, 0], [1, 1, 1]), block([4, 5, 6], [1, 1, 1], [1, 0, 0])]);
    expect(batch.lossCount).toBe(0);
    expect([...batch.lossRows]).toEqual([]);
  });

  it('refuses no blocks and blocks of different lengths', () => {
    expect(() => makeBatch([])).toThrow(RangeError);
    expect(() => makeBatch([block([1], [1], [0]), block([1, 2], [1, 1], [0, 0])])).toThrow('1 and 2 tokens');
  });
});
