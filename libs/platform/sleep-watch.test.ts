import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SleepWatch } from './sleep-watch.js';

let watch: SleepWatch;
beforeEach(() => {
  vi.useFakeTimers();
  watch = new SleepWatch(5);
  watch.start();
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

test('a process that was never stopped has been awake for ever', () => {
  vi.advanceTimersByTime(3_600_000);
  expect(watch.secondsAwake).toBe(Infinity);
});

test('a minute in which no timer ran is a sleep, and from then on it is awake again', () => {
  vi.advanceTimersByTime(10_000);
  vi.setSystemTime(Date.now() + 60_000);
  expect(watch.secondsAwake).toBe(0);
  vi.advanceTimersByTime(7000);
  expect(watch.secondsAwake).toBe(7);
});

test('a pause of a busy machine is none', () => {
  vi.setSystemTime(Date.now() + 4000);
  expect(watch.secondsAwake).toBe(Infinity);
});
