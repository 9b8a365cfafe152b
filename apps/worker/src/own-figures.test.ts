import { expect, test } from 'vitest';
import { OwnFigures } from './own-figures.js';

test('a worker tells how long its event loop was blocked since it told last', async () => {
  const figures = new OwnFigures({ count: 2, free: ['cpu'] } as never);
  const tick = () => new Promise((resolve) => setTimeout(resolve, 30));
  await tick();
  const end = performance.now() + 300;
  while (performance.now() < end);
  await tick();
  const first = figures.read();
  expect(first).toMatchObject({ devices: 2, busy_devices: 1, process_delays: {} });
  expect(first.event_loop_delay_seconds).toBeGreaterThan(0.25);
  await tick();
  expect(figures.read().event_loop_delay_seconds).toBeLessThan(first.event_loop_delay_seconds);
});
