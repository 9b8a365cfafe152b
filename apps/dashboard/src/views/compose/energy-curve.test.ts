import { expect, test } from 'vitest';
import { rankThatKeeps } from './energy-curve.js';

test('the smallest rank is found that keeps a share, and the last one if rounding leaves none', () => {
  const energies = [0.4, 0.9, 0.96, 1];
  expect([0.3, 0.9, 0.95, 1].map((share) => rankThatKeeps(energies, share))).toEqual([1, 2, 3, 4]);
  expect(rankThatKeeps([0.4, 0.999], 1)).toBe(2);
});
