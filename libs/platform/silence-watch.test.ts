import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SilenceWatch } from './silence-watch.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('silence is noticed after its limit and a second look', () => {
  const onSilent = vi.fn<(seconds: number) => void>();
  const watch = new SilenceWatch(() => 10, onSilent);
  vi.advanceTimersByTime(9000);
  watch.reset();
  vi.advanceTimersByTime(10_000);
  expect(onSilent).not.toHaveBeenCalled();
  vi.advanceTimersByTime(500);
  expect(onSilent).toHaveBeenCalledTimes(1);
});

test('a word between the two looks is enough', () => {
  const onSilent = vi.fn<(seconds: number) => void>();
  const watch = new SilenceWatch(() => 10, onSilent);
  vi.advanceTimersByTime(10_200);
  watch.reset();
  vi.advanceTimersByTime(10_200);
  expect(onSilent).not.toHaveBeenCalled();
});

test('nothing is noticed any more once it is stopped', () => {
  const onSilent = vi.fn<(seconds: number) => void>();
  const watch = new SilenceWatch(() => 1, onSilent);
  watch.stop();
  watch.reset();
  vi.advanceTimersByTime(60_000);
  expect(onSilent).not.toHaveBeenCalled();
});
