import { expect, test } from 'vitest';
import { LengthCounter } from '#data/length-counter.js';

function counterOf(lengths: readonly number[]): LengthCounter {
  const counter = new LengthCounter();
  for (const length of lengths) counter.add(length);
  return counter;
}

test('a histogram counts each length once, in ranges that begin after the one before', () => {
  expect(counterOf([1, 2, 2, 4]).histogram(10)).toEqual({ width: 1, counts: [1, 2, 0, 1] });
  expect(counterOf([1, 5, 6, 10, 11]).histogram(3)).toEqual({ width: 5, counts: [2, 2, 1] });
});

test('its ranges have round widths and are no more than asked for', () => {
  const lengths = Array.from({ length: 1000 }, (_, i) => i + 1);
  const { width, counts } = counterOf(lengths).histogram(40);
  expect(width).toBe(50);
  expect(counts).toEqual(Array.from({ length: 20 }, () => 50));
});

test('nothing has an empty one', () => {
  expect(counterOf([]).histogram(40)).toEqual({ width: 1, counts: [] });
});
