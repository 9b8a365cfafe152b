import { expect, test } from 'vitest';
import { duration, linesOf, TimeLeft } from './progress-text.js';

const marks = { open: '<', close: '>' };

test.each([
  [5.4, '5 s'],
  [89, '89 s'],
  [200, '3 min'],
  [7260, '2 h 1 min'],
])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text));

test('the time left follows the last steps', () => {
  const left = new TimeLeft();
  expect(left.of(10)).toBe('');
  left.step(3, 1);
  expect(left.of(10)).toBe('20 s left');
  left.step(4, 3);
  expect(left.of(10)).toBe('18 s left');
});

test('a step is one line', () => {
  const message = {
    type: 'step' as const,
    step: 3,
    epoch: 0.1,
    loss: 2.34567,
    accuracy: 0.5,
    grad_norm: 1.2345,
    learning_rate: 0.0002,
    tokens: 100,
    loss_tokens: 50,
    tokens_per_second: 812.4,
  };
  expect(linesOf(message, marks, 20)).toEqual([
    'step 3/20 loss 2.3457 accuracy 0.500 grad_norm 1.23 learning_rate 0.000200 812 tokens/s',
  ]);
});

test('the first example shows what is learned', () => {
  const report = {
    kind: 'chat' as const,
    examples: 1,
    blocks: 1,
    tokens: 9,
    trainedTokens: 4,
    fillShare: 0.5,
    truncatedExamples: 0,
    droppedTokens: 0,
    droppedExamples: 0,
    splitExamples: 0,
    lengths: { min: 9, median: 9, p90: 9, max: 9 },
    unknownFields: {},
    warnings: [],
  };
  const example = [
    { text: 'user: hi\n', trained: false },
    { text: 'ho', trained: true },
  ];
  const lines = linesOf(
    { type: 'prepared', training: report, validation: null, block_length: 18, example },
    marks,
    0,
  );
  expect(lines[0]).toBe(
    'training data: 1 examples, 9 tokens, 4 of them to learn, in 1 blocks of 18 (50% full)',
  );
  expect(lines.slice(-2)).toEqual(['  | user: hi', '  | <ho>']);
});
