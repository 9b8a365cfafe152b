import { describe, expect, test } from 'vitest';
import { positionScores, ScoreChanger } from '#generation/token-scores.js';

test('probabilities are those of a softmax, the likeliest first', () => {
  const logits = Float32Array.of(1, 3, -Infinity, 2);
  const { top, logprobOf } = positionScores(logits, 3);
  const total = Math.exp(1) + Math.exp(2) + Math.exp(3);
  expect(top.map(({ token }) => token)).toEqual([1, 3, 0]);
  for (const { token, logprob } of top) expect(logprob).toBeCloseTo(logits[token]! - Math.log(total), 12);
  expect(logprobOf(3)).toBe(top[0]!.logprob);
  expect(positionScores(logits, 0).top).toEqual([]);
});

describe('logits', () => {
  const none = { frequencyPenalty: 0, presencePenalty: 0, bias: new Map() };

  test('lose the frequency penalty for every time and the presence penalty once', () => {
    const changer = new ScoreChanger({ ...none, frequencyPenalty: 0.5, presencePenalty: 0.25 });
    for (const token of [2, 2, 0]) changer.count(token);
    const logits = new Float32Array(4);
    changer.change(logits);
    expect([...logits]).toEqual([-0.75, 0, -1.25, 0]);
  });

  test('gain a bias, which must be of a token that there is', () => {
    const logits = new Float32Array(3);
    new ScoreChanger({ ...none, bias: new Map([[1, -100]]) }).change(logits);
    expect([...logits]).toEqual([0, -100, 0]);
    const outside = new ScoreChanger({ ...none, bias: new Map([[3, 1]]) });
    expect(() => outside.change(logits)).toThrow(
      expect.objectContaining({ code: 'sampling_invalid', details: { param: 'logit_bias.3' } }) as Error,
    );
  });
});
