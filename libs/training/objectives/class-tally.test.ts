import { expect, test } from 'vitest';
import { ClassTally, macroF1 } from '#training/objectives/class-tally.js';

// f1_score(y_true, y_pred, average="macro") of scikit-learn 1.9.
test.each([
  {
    counts: [
      [3, 1, 0],
      [0, 2, 2],
      [1, 0, 4],
    ],
    expected: 0.6829004329004329,
  },
  {
    counts: [
      [2, 0],
      [0, 0],
    ],
    expected: 1,
  },
  {
    counts: [
      [0, 2],
      [0, 0],
    ],
    expected: 0,
  },
  {
    counts: [
      [5, 5, 0],
      [0, 10, 0],
      [0, 0, 0],
    ],
    expected: 0.7333333333333334,
  },
])('the macro F1 of $counts is that of scikit-learn', ({ counts, expected }) => {
  expect(macroF1(counts)).toBeCloseTo(expected, 12);
});

test('inputs are counted by their class and the likeliest one, places without an input are not', () => {
  const tally = new ClassTally(['a', 'b']);
  const logits = Float32Array.of(2, 1, 0, 3, 5, 4, 9, 0);
  const data = { labels: Int32Array.of(0, 1, 1, 0), labelWeights: Float32Array.of(0.5, 0.5, 0.5, 0) };
  tally.add({ logits }, data);
  expect(tally.metrics().confusion_matrix).toEqual({
    labels: ['a', 'b'],
    counts: [
      [1, 0],
      [1, 1],
    ],
  });
  tally.add({ logits }, data);
  expect(tally.metrics().confusion_matrix!.counts).toEqual([
    [2, 0],
    [2, 2],
  ]);
});

test('a matrix of many classes is left out', () => {
  const tally = new ClassTally(Array.from({ length: 51 }, (_, i) => String(i)));
  expect(tally.metrics()).toEqual({ macro_f1: 0 });
});
