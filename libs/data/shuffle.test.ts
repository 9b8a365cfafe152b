import { describe, expect, it } from 'vitest';
import { BlockOrder, epochOrder } from '#data/shuffle.js';

describe('epochOrder', () => {
  it.each([0, 1, 2, 3, 1000])('is a permutation of %i blocks', (count) => {
    const order = epochOrder(7, 3, count);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
  });

  it('depends on seed and epoch, on all bits of the seed, and on nothing else', () => {
    const orders = [
      epochOrder(1, 0, 50),
      epochOrder(2, 0, 50),
      epochOrder(1, 1, 50),
      epochOrder(1 + 2 ** 32, 0, 50),
      epochOrder(0, 0, 50),
    ].map(String);
    expect(new Set(orders).size).toBe(5);
    expect(String(epochOrder(1, 0, 50))).toBe(orders[0]);
  });

  it('stays what it was: checkpoints of earlier versions go on with the same blocks', () => {
    expect([...epochOrder(42, 0, 12)]).toMatchInlineSnapshot(`
      [
        5,
        9,
        0,
        2,
        4,
        3,
        1,
        7,
        10,
        11,
        6,
        8,
      ]
    `);
    expect([...epochOrder(42, 1, 12)]).toMatchInlineSnapshot(`
      [
        3,
        11,
        6,
        5,
        4,
        0,
        1,
        7,
        9,
        10,
        8,
        2,
      ]
    `);
  });

  it('puts every block in every place about equally often', () => {
    const count = 8;
    const epochs = 8000;
    const seen = Array.from({ length: count * count }, () => 0);
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const [place, block] of epochOrder(5, epoch, count).entries()) seen[place * count + block]!++;
    }
    const expected = epochs / count;
    const chiSquared = seen.reduce((sum, times) => sum + (times - expected) ** 2 / expected, 0);
    // 49 degrees of freedom: 99.9% of fair shuffles stay below 85.4.
    expect(chiSquared).toBeLessThan(85.4);
  });
});

describe('BlockOrder', () => {
  it('visits every block once in each epoch, in batches that go on into the next', () => {
    const order = new BlockOrder(3, 5);
    const blocks = [order.next(4), order.next(4), order.next(2)].flat();
    expect(blocks).toEqual([...epochOrder(3, 0, 5), ...epochOrder(3, 1, 5)]);
    expect(order.cursor).toEqual({ epoch: 1, index: 5 });
  });

  it('goes on anywhere as if it had never stopped', () => {
    const whole = new BlockOrder(9, 7);
    const blocks = whole.next(40);
    for (const done of [0, 1, 6, 7, 8, 13, 14, 33]) {
      const first = new BlockOrder(9, 7);
      first.next(done);
      expect(new BlockOrder(9, 7, first.cursor).next(40 - done)).toEqual(blocks.slice(done));
    }
  });
});
