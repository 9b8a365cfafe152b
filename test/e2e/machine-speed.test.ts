/** A worker measures how fast its machine trains, and plans read that. */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { machineSpeed } from '#training/speed/speed-points.js';
import { largestProcessor } from '../../apps/api/src/plan/measured-steps.js';
import { WorkerStack } from './worker-stack.js';

let stack: WorkerStack;
beforeAll(async () => {
  stack = await WorkerStack.start();
});
afterAll(() => stack.close());

test('the speed of a machine is known soon after a worker starts, without a job', async () => {
  await stack.startWorker({ WORKER_MEASURES_SPEED: 'true' });
  const { database } = stack.platform;
  let processor = await largestProcessor(database, 20);
  expect(processor?.cores).toBe(cpus().length);
  while (!processor?.speed) {
    await sleep(200);
    processor = await largestProcessor(database, 20);
  }
  const { points, compileSecondsPerLayer, processorShare } = machineSpeed.parse(processor.speed);
  expect(points.map(({ width, rows }) => `${width} x ${rows}`)).toEqual([
    '128 x 64',
    '128 x 512',
    '384 x 64',
    '384 x 512',
    '1024 x 64',
    '1024 x 512',
  ]);
  for (const { operationsPerSecond } of points) expect(operationsPerSecond).toBeGreaterThan(1e8);
  expect(compileSecondsPerLayer).toBeGreaterThan(0);
  expect(processorShare).toBeGreaterThan(0);
}, 170_000);
