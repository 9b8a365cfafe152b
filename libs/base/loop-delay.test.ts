import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LoopDelayMeter } from '#base/loop-delay.js';

test('what blocks the event loop is measured once, as long as it blocks', async () => {
  const meter = new LoopDelayMeter();
  await delay(100);
  meter.read();
  // The tick after a reset begins the measuring.
  await delay(100);
  const end = performance.now() + 300;
  while (performance.now() < end);
  await delay(100);
  const blocked = meter.read();
  expect(blocked.max).toBeGreaterThan(0.25);
  expect(blocked.p99).toBeGreaterThan(0.25);
  await delay(100);
  expect(meter.read().max).toBeLessThan(blocked.max);
});
