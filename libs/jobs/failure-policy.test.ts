import { expect, test } from 'vitest';
import { failurePolicy, verdictOn } from './failure-policy.js';

const verdicts = (kind: Parameters<typeof verdictOn>[0], count: number) =>
  Array.from({ length: count }, (_, i) => verdictOn(kind, i + 1, failurePolicy));

test("an error of the caller's ends the work at once", () => {
  expect(verdicts('caller', 1)).toEqual([{ does: 'fail' }]);
});

test('a bug is tried again, later each time, and then ends the work', () => {
  expect(verdicts('bug', 3)).toEqual([
    { does: 'retry', seconds: 1 },
    { does: 'retry', seconds: 10 },
    { does: 'fail' },
  ]);
});

test('what passes by itself is tried again however often', () => {
  expect(verdicts('transient', 200).every(({ does }) => does === 'retry')).toBe(true);
  expect(verdictOn('transient', 1, failurePolicy)).toEqual({ does: 'retry', seconds: 0 });
  expect(verdictOn('transient', 200, failurePolicy)).toEqual({ does: 'retry', seconds: 30 });
});

test('what somebody must mend is waited for without end, with longer pauses', () => {
  const all = verdicts('machine', 200);
  expect(all.every(({ does }) => does === 'wait')).toBe(true);
  const seconds = all.map((verdict) => ('seconds' in verdict ? verdict.seconds : NaN));
  expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
  expect([seconds[0], seconds.at(-1)]).toEqual([5, 300]);
});
