/**
 * Trainers, workers and Postgres are killed, frozen and stopped in the middle of jobs: every job ends by itself, with the
 * bits of one that was left alone, and no metric is missing or doubled. LOWRANK_KILLS sets how often, 1 by default.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { streamKey, uniformAt } from '#jit/random.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { isAlive, type WorkerProcess, WorkerStack } from './worker-stack.js';

const rounds = Number(process.env['LOWRANK_KILLS'] ?? 1);
const rounded = Array.from({ length: rounds }, (_, round) => round);
const totalSteps = 150;
const training = { max_steps: totalSteps, eval_steps: 25, checkpoint_steps: 10, keep_checkpoints: 3 };
/** Short enough for tests, and still longer than a pause of a busy machine. */
const impatient = { WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '4' };
const pickupSeconds = 30;

let stack: WorkerStack;
let control: Awaited<ReturnType<WorkerStack['outcome']>>;
let workers: WorkerProcess[] = [];

beforeAll(async () => {
  stack = await WorkerStack.start(impatient);
  await startWorker();
  const { id } = await stack.submit({ training });
  await stack.untilOver(id);
  control = await stack.outcome(id);
  await stopWorkers();
}, 180_000);
afterEach(() => stopWorkers());
afterAll(() => stack.close());

async function startWorker(environment: NodeJS.ProcessEnv = {}): Promise<WorkerProcess> {
  const worker = await stack.startWorker({ ...impatient, ...environment });
  workers.push(worker);
  return worker;
}

async function stopWorkers(): Promise<void> {
  for (const { child } of workers) child.kill('SIGTERM');
  await Promise.all(workers.map(({ ended }) => ended));
  workers = [];
}

/** Submits a job and waits until it has come some way, another one in each round. */
async function begin(round: number, what: string): Promise<string> {
  const { id } = await stack.submit({ training });
  await stack.untilStep(id, 1 + Math.floor(0.7 * totalSteps * uniformAt(streamKey(round, 0, what), 0)));
  return id;
}

/** Waits until another attempt has the job. */
async function untilPickedUp(jobId: string, attempt: number): Promise<void> {
  await stack.until(jobId, (job) => job.attempt > attempt, pickupSeconds);
}

/** How a job ended, in a form to compare. */
async function endOf(jobId: string) {
  const { state, step, attempt: attempts, ownFailures } = await stack.untilOver(jobId);
  const retried = (await stack.events(jobId)).filter(({ code }) => code === 'job.retried');
  const metrics = await stack.metrics(jobId);
  const isNumbered = metrics.every(({ seq }, i) => seq === i + 1);
  const reasons = retried.map(({ message }) => message);
  return { state, step, attempts, ownFailures, reasons, isNumbered, ...(await stack.outcome(jobId)) };
}

/** How the job that was left alone ended, but for the number of attempts. */
function undisturbed(attempts: number): Awaited<ReturnType<typeof endOf>> {
  const end = {
    state: 'succeeded' as const,
    step: totalSteps,
    ownFailures: 0,
    reasons: [],
    isNumbered: true,
  };
  return { ...end, attempts, ...control };
}

/** The attempts that got as far as training, and the steps that they began after. */
async function startsOf(jobId: string): Promise<{ attempt: number; step: number }[]> {
  let attempt = 0;
  const starts = [];
  for (const { code, data } of await stack.events(jobId)) {
    if (code === 'job.started') attempt = data!['attempt'] as number;
    if (code === 'training.started') starts.push({ attempt, step: data!['step'] as number });
  }
  return starts;
}

describe('kill -9', () => {
  test.each(rounded)(
    'of the trainer, %i',
    async (round) => {
      await startWorker();
      const id = await begin(round, 'trainer');
      process.kill((await stack.trainerPid(id, 1))!, 'SIGKILL');
      expect(await endOf(id)).toEqual(undisturbed(2));
    },
    120_000,
  );

  test.each(rounded)(
    'of the worker, which is started again, %i',
    async (round) => {
      // Its note tells at once that it has died: nobody waits until it counts as lost.
      const forever = { WORKER_LOST_SECONDS: '600' };
      const worker = await startWorker(forever);
      const id = await begin(round, 'worker');
      const trainer = (await stack.trainerPid(id, 1))!;
      worker.child.kill('SIGKILL');
      await worker.ended;
      await startWorker(forever);
      await untilPickedUp(id, 1);
      expect(await endOf(id)).toEqual(undisturbed(2));
      expect(isAlive(trainer)).toBe(false);
    },
    120_000,
  );

  test.each(rounded)(
    'of the worker, whose machine is lost: another one takes over, %i',
    async (round) => {
      const worker = await startWorker();
      const id = await begin(round, 'machine');
      await stack.until(id, (job) => job.step > 12);
      await expect
        .poll(() => stack.platform.database.manager.countBy(Checkpoint, { jobId: id }), { timeout: 10_000 })
        .toBeGreaterThan(0);
      process.kill(-worker.child.pid!, 'SIGKILL');
      await worker.ended;
      await rm(join(stack.home, 'work'), { recursive: true });
      await rm(join(stack.home, 'workers'), { recursive: true });
      await startWorker();
      await untilPickedUp(id, 1);
      expect(await endOf(id)).toEqual(undisturbed(2));
      expect((await startsOf(id)).at(-1)!.step).toBeGreaterThan(0);
    },
    120_000,
  );

  test('of everything at once', async () => {
    const worker = await startWorker();
    const id = await begin(0, 'everything');
    process.kill(-worker.child.pid!, 'SIGKILL');
    await stack.postgres.restart();
    await startWorker();
    await untilPickedUp(id, 1);
    expect(await endOf(id)).toEqual(undisturbed(2));
  }, 120_000);
});

test('a damaged newest checkpoint in the store is passed over for the one before', async () => {
  const worker = await startWorker();
  const id = await begin(0, 'damaged');
  const { manager } = stack.platform.database;
  await expect
    .poll(() => manager.countBy(Checkpoint, { jobId: id }), { timeout: 10_000 })
    .toBeGreaterThanOrEqual(2);
  process.kill(-worker.child.pid!, 'SIGKILL');
  await worker.ended;
  await rm(join(stack.home, 'work'), { recursive: true });
  const [newest, before] = await manager.find(Checkpoint, { where: { jobId: id }, order: { step: 'DESC' } });
  const { key } = newest!.files.find(({ path }) => path === 'optimizer.safetensors')!;
  const object = join(stack.home, 'store', 'objects', key);
  const bytes = await readFile(object);
  bytes[bytes.length - 3]! ^= 4;
  await rm(object);
  await writeFile(object, bytes);
  await startWorker();
  await untilPickedUp(id, 1);
  expect(await endOf(id)).toEqual(undisturbed(2));
  expect((await startsOf(id)).at(-1)!.step).toBe(before!.step);
  expect((await stack.events(id)).map(({ code }) => code)).toContain('checkpoint.corrupt');
}, 120_000);

test('a frozen worker that comes back finds its job gone and writes nothing', async () => {
  const frozen = await startWorker();
  const id = await begin(0, 'frozen');
  const before = await stack.read(id);
  frozen.child.kill('SIGSTOP');
  await startWorker();
  await untilPickedUp(id, 1);
  const taken = await stack.read(id);
  expect(taken.workerId).not.toBe(before.workerId);
  frozen.child.kill('SIGCONT');
  expect(await endOf(id)).toEqual(undisturbed(2));
  await expect.poll(() => frozen.output(), { timeout: 10_000 }).toContain('lost');
}, 120_000);

test.each(rounded)(
  'Postgres is restarted in the middle, and training goes on meanwhile, %i',
  async (round) => {
    await startWorker();
    const id = await begin(round, 'postgres');
    await stack.postgres.restart();
    expect(await endOf(id)).toEqual(undisturbed(1));
  },
  120_000,
);

test(`${4 * rounds} times SIGTERM costs no step`, async () => {
  const { id } = await stack.submit({ training });
  let attempt = 0;
  for (let round = 0; round < 4 * rounds; round++) {
    const worker = await startWorker();
    await stack.until(id, (job) => job.attempt > attempt, pickupSeconds);
    const job = await stack.untilStep(id, Math.floor(((round + 0.5) * totalSteps) / (4 * rounds + 1)));
    if (job.state === 'succeeded') break;
    attempt = job.attempt;
    const asked = performance.now();
    worker.child.kill('SIGTERM');
    expect(await worker.ended, worker.output()).toBe(0);
    expect(performance.now() - asked).toBeLessThan(30_000);
    expect(['queued', 'succeeded']).toContain((await stack.read(id)).state);
  }
  await startWorker();
  const end = await endOf(id);
  expect(end).toEqual(undisturbed(end.attempts));
  // Each attempt went on after the last step that the one before had told of.
  const metrics = await stack.metrics(id);
  for (const start of await startsOf(id)) {
    const told = metrics.filter(({ kind, attempt }) => kind === 'step' && attempt < start.attempt);
    expect(start.step).toBe(Math.max(0, ...told.map(({ step }) => step)));
  }
  await expect.poll(() => readdir(join(stack.home, 'work'))).toEqual([]);
}, 300_000);
