import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { collect, waitForEnd } from '../e2e/stack-watch.js';
import { tolerances } from '../tolerances.js';
import { tfjsNodeHome } from './places.js';

let stack: TestStack;
let job: JobCreate;

beforeAll(async () => {
  stack = await startTestStack({
    environment: { LOWRANK_HOME: tfjsNodeHome(), WORKER_DEVICES: 'cpu,tfjs-node' },
  });
  job = await prepareTinyJob(stack);
}, 120_000);
afterAll(() => stack?.close());

/** The losses of the job's steps on a device. */
async function lossesOn(device: 'cpu' | 'tfjs-node'): Promise<number[]> {
  const { client } = stack;
  const { id } = await client.jobs.create({ ...job, device });
  const { status, error } = await waitForEnd(client, id);
  expect({ status, error }).toMatchObject({ status: 'succeeded', error: null });
  const metrics = await collect(client.jobs.metrics(id, { kind: 'step' }));
  return metrics.map(({ values }) => Number(values['loss']));
}

test('a job over HTTP that asks for tfjs-node gives every loss of the compiled one', async () => {
  const [compiled, eager] = [await lossesOn('cpu'), await lossesOn('tfjs-node')];
  expect(compiled.length).toBeGreaterThan(0);
  expect(eager).toHaveLength(compiled.length);
  // The last bits tell that another program computed them.
  expect(eager).not.toEqual(compiled);
  compiled.forEach((loss, i) => expect(Math.abs(loss - eager[i]!)).toBeLessThan(tolerances.loss));
});

test('the health checks of the images say that API and worker live, and that others do not', async () => {
  const run = (name: string, environment: NodeJS.ProcessEnv) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../dist/tools/docker', name)], {
      env: environment,
    });
  await run('api-health.js', stack.environment);
  await run('worker-health.js', stack.environment);
  await expect(run('api-health.js', { ...stack.environment, PORT: '1' })).rejects.toThrow(/fetch failed/);
  const hasty = { ...stack.environment, WORKER_LOST_SECONDS: '0.2', WORKER_HEARTBEAT_SECONDS: '0.1' };
  const complaint = () =>
    run('worker-health.js', hasty).then(
      () => 'none',
      (error: Error) => error.message,
    );
  // The worker gives a sign of life now and then.
  await expect.poll(complaint, { timeout: 20_000, interval: 300 }).toMatch(/no worker of/);
});
