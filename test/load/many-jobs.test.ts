/** Many clients and many jobs on one machine. LOWRANK_LOAD_JOBS sets how many jobs, 600 by default. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import { longJob, prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { waitForEnd, waitForMessage, waitForStep } from '../e2e/stack-watch.js';

const jobs = Number(process.env['LOWRANK_LOAD_JOBS'] ?? 600);
const clients = 20;
const steps = 2;
const hour = 3_600_000;

let stack: TestStack;
let tiny: JobCreate;
beforeAll(async () => {
  stack = await startTestStack({
    environment: { WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '4' },
  });
  tiny = await prepareTinyJob(stack);
}, 240_000);
afterAll(() => stack?.close());

const quick = (): JobCreate => ({
  ...tiny,
  training: { ...tiny.training, max_steps: steps, eval_steps: null },
});

/** Does work from so many clients at once; yields milliseconds, ascending. */
async function timed(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  let left = count;
  const client = async () => {
    while (left-- > 0) {
      const begun = performance.now();
      await work();
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return times.toSorted((a, b) => a - b);
}

const percentile = (sorted: readonly number[], share: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);

test(
  'jobs for a device that nobody has do not delay the others',
  async () => {
    const { client } = stack;
    const startOf = async () => {
      const begun = performance.now();
      const { id } = await client.jobs.create(quick());
      await waitForMessage(client, id, ({ event, data }) => event === 'job' && data.status !== 'queued');
      const seconds = (performance.now() - begun) / 1000;
      await waitForEnd(client, id);
      return seconds;
    };
    await startOf();
    const before = await startOf();
    const waiting: string[] = [];
    await timed(Math.ceil(2.5 * jobs), async () => {
      waiting.push((await client.jobs.create({ ...quick(), device: 'cuda' })).id);
    });
    const after = await startOf();
    console.log(
      `start of a job: ${before.toFixed(2)} s, with ${waiting.length} jobs for cuda ${after.toFixed(2)} s`,
    );
    expect(after - before).toBeLessThan(1);
    for (const id of waiting) await client.jobs.cancel(id);
  },
  hour,
);

test(
  'a job is taken within half a second while another one trains',
  async () => {
    const { client } = stack;
    const { id } = await client.jobs.create(longJob(tiny));
    await waitForStep(client, id, 5);
    const made: string[] = [];
    const times = await timed(jobs / 3, async () => void made.push((await client.jobs.create(quick())).id));
    const [half, most] = [percentile(times, 0.5), percentile(times, 0.99)];
    console.log(`submitting by ${clients} clients beside a training: p50 ${half} ms, p99 ${most} ms`);
    for (const job of [...made, id]) await client.jobs.cancel(job);
    expect(most).toBeLessThan(500);
  },
  hour,
);
