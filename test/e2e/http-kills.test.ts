/** A job whose processes are killed again and again ends by itself with the bits of one that was left alone. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import { prepareTinyJob, startTestStack, type TestStack } from './stack.js';
import { collect, stepsOf, upTo, waitForEnd, waitForMessage, waitForStep } from './stack-watch.js';

const steps = 320;
/** From the kill of a worker to its job's next step. */
const pickedUpSeconds = 30;

let stack: TestStack;
let job: JobCreate;

beforeAll(async () => {
  stack = await startTestStack({
    environment: { WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '2' },
  });
  const tiny = await prepareTinyJob(stack);
  // Steps long enough for the job to go on while a part of the service starts again.
  const slow = { gradient_accumulation_steps: 8, max_steps: steps, eval_steps: null, checkpoint_steps: 10 };
  job = { ...tiny, training: { ...tiny.training, ...slow } };
}, 120_000);
afterAll(() => stack?.close());

/** SHA-256 of what a job yields in the end. */
async function adapterOf(id: string): Promise<string> {
  const { adapter, status, error } = await waitForEnd(stack.client, id);
  expect({ status, error }).toEqual({ status: 'succeeded', error: null });
  return (await stack.client.adapters.get(adapter!)).sha256;
}

/** The trainers of the workers: the one that trains, and one that waits for the next job. */
function trainers(): number[] {
  const { workers } = stack.pids();
  const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return processes.flatMap((line) => {
    const [pid, parent, ...args] = line.trim().split(/\s+/);
    return workers.includes(Number(parent)) && args.join(' ').includes('processes/trainer')
      ? [Number(pid)]
      : [];
  });
}

/** Who is killed once the job has come to which step. */
const victims: readonly (readonly [string, number, () => (number | undefined)[]])[] = [
  ['trainer', 12, trainers],
  ['worker', 32, () => stack.pids().workers],
  ['whole', 52, () => [...trainers(), ...stack.pids().workers, stack.pids().api, stack.pids().postgres]],
  ['Postgres', 75, () => [stack.pids().postgres]],
  ['API', 115, () => [stack.pids().api]],
];
const endsAttempt = new Set(['trainer', 'worker', 'whole']);

test('a job whose trainer, worker, API, Postgres and all at once are killed gives the adapter of one left alone', async () => {
  const { client } = stack;
  const control = await adapterOf((await client.jobs.create(job)).id);
  const { id } = await client.jobs.create(job);
  for (const [name, step, pidsOf] of victims) {
    await waitForStep(client, id, step);
    const before = await client.jobs.get(id);
    expect(before.progress.step, `the job must run when the ${name} is killed`).toBeLessThan(steps);
    const killedAt = performance.now();
    for (const pid of pidsOf()) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    if (endsAttempt.has(name)) {
      await waitForMessage(client, id, ({ event, data }) => {
        return event === 'job' && data.attempt > before.attempt && data.status === 'running';
      });
    }
    const { progress } = await client.jobs.get(id);
    // The job may well end while the API is away.
    await waitForStep(client, id, Math.min(progress.step + 1, steps));
    expect((performance.now() - killedAt) / 1000, name).toBeLessThan(pickedUpSeconds);
  }
  expect(await adapterOf(id)).toBe(control);
  expect(await stepsOf(client, id)).toEqual(upTo(steps));
  const codes = (await collect(client.jobs.events(id))).map(({ code }) => code);
  expect(codes.filter((code) => code === 'job.succeeded')).toHaveLength(1);
}, 180_000);
