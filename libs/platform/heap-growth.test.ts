import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { keepHeapSmall } from '#platform/heap-growth.js';

const entries = (count: number) => Array.from({ length: count }, (_, i) => ({ i }));

test('garbage that outlives its youth does not fill the memory', async () => {
  keepHeapSmall();
  const kept = entries(1_000_000);
  const young: object[] = [];
  let most = 0;
  for (let i = 0; i < 600; i++) {
    young.push(entries(10_000));
    if (young.length > 30) young.shift();
    most = Math.max(most, process.memoryUsage().heapUsed);
    if (i % 10 === 0) await setImmediate();
  }
  expect(kept).toHaveLength(1_000_000);
  expect(most).toBeLessThan(170e6);
});
