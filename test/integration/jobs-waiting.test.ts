/** Why jobs wait, and which of them a free device takes, in a real Postgres. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { nextJob } from '#jobs/next-job.js';
import { writeProgress } from '#jobs/progress.js';
import { Reconciler } from '#jobs/reconciler.js';
import { holdJobsOn, refreshReasons } from '#jobs/waiting.js';
import { Workers } from '#jobs/workers.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import { Job } from '#platform/database/entities/job.js';
import { Worker } from '#platform/database/entities/worker.js';
import { JobsDatabase, project, silentLog } from './jobs-setup.js';

let jobs: JobsDatabase;
let claims: Claims;
beforeAll(async () => {
  jobs = await JobsDatabase.start();
  claims = new Claims(jobs.parts);
}, 120_000);
beforeEach(async () => {
  await jobs.database.manager.clear(Job);
  await jobs.database.manager.clear(Worker);
});
afterAll(() => jobs.close());

const cpu = { name: 'cpu', devices: ['cpu', 'eager'], auto: true, memory_bytes: 1e9 };
const lostSeconds = 20;

async function worker(id: string, changes: Partial<Parameters<Workers['register']>[0]> = {}): Promise<void> {
  await new Workers(jobs.database).register({
    id,
    host: `host-of-${id}`,
    pid: 1,
    version: '1',
    devices: [cpu],
    ...changes,
  });
}

const refresh = (jobId?: string) => refreshReasons(jobs.database, { lostSeconds, jobId });
const codeOf = async (id: string) => (await jobs.read(id)).waiting?.code;
const free = (but: string[] = []) => {
  const except = { jobs: but, models: [] };
  return nextJob(jobs.database, { takes: ['auto', 'cpu', 'eager'], memoryBytes: 1e9, except });
};

test('a running job says what it waits for, tells of it once, and stops saying so when it goes on', async () => {
  await worker('a');
  const { id } = await jobs.create();
  const { attempt } = (await claims.claimJob(id, 'a', 'cpu'))!;
  const say = (waiting: { code: 'store_full'; message: string } | null) =>
    writeProgress(jobs.parts, { jobId: id, attempt }, { waiting });
  for (let tries = 0; tries < 2; tries++) await say({ code: 'store_full', message: 'no space is left' });
  expect(await jobs.read(id)).toMatchObject({
    state: 'running',
    waiting: { code: 'store_full', message: 'no space is left' },
  });
  const told = (await jobs.events(id)).filter(({ code }) => code === 'job.waiting');
  expect(told.map(({ message }) => message)).toEqual(['Waiting: no space is left']);
  await say(null);
  expect((await jobs.read(id)).waiting).toBeNull();
});

describe('a new job', () => {
  test('for a device that no worker has waits outside the queue, and says what there is', async () => {
    await worker('a');
    const job = await jobs.create({ device: 'cuda' });
    expect(job.waiting).toMatchObject({
      code: 'device_missing',
      message:
        'no worker has the device cuda, they have cpu, eager: start a worker that has it, or cancel the job and ask for another device',
    });
    expect(await jobs.outbox(job.id)).toBe(0);
    expect((await jobs.events(job.id)).at(-1)).toMatchObject({ level: 'warn', code: 'job.waiting' });
  });

  test('says which software is missing where that is what a worker lacks', async () => {
    const reason = 'libcudart.so.13: cannot open shared object file';
    await worker('a', { unusableDevices: [{ device: 'cuda', code: 'dependency_missing', reason }] });
    const { waiting } = await jobs.create({ device: 'cuda' });
    expect(waiting?.code).toBe('dependency_missing');
    expect(waiting?.message).toContain(`host-of-a: ${reason}`);
  });

  test('names the driver of the worker that has the GPU, before the one that has none', async () => {
    const lacks = (code: string, reason: string) => ({
      unusableDevices: [{ device: 'cuda', code, reason }],
    });
    await worker('a', lacks('device_missing', 'this machine has no NVIDIA GPU'));
    await worker('b', lacks('driver_too_old', "NVIDIA's driver 535.104 is too old for this CUDA"));
    const { waiting } = await jobs.create({ device: 'cuda' });
    expect(waiting?.code).toBe('driver_too_old');
    expect(waiting?.message).toContain("host-of-b: NVIDIA's driver 535.104 is too old");
  });

  test('waits in the queue while no worker is there at all, and while its device is busy', async () => {
    const alone = await jobs.create();
    expect([alone.waiting?.code, await jobs.outbox(alone.id)]).toEqual(['worker_missing', 1]);
    await worker('a');
    await claims.claimJob(alone.id, 'a', 'cpu');
    const second = await jobs.create({ device: 'eager' });
    expect(second.waiting).toMatchObject({ code: 'device_busy', devices: ['cpu', 'eager'] });
    expect(await jobs.outbox(second.id)).toBe(1);
  });

  test('has no reason to wait where a device is free', async () => {
    await worker('a');
    expect((await jobs.create({ device: 'cpu' })).waiting).toBeNull();
  });

  test('waits for a disk with the words of the worker that has none left', async () => {
    await worker('a');
    const trouble = { code: 'disk_full', message: 'no room is left on the disk' };
    await jobs.database.manager.update(Worker, { id: 'a' }, { trouble });
    const { id, waiting } = await jobs.create();
    expect(waiting).toMatchObject({ code: 'disk_full', message: `${trouble.message} (worker on host-of-a)` });
    // One that has room changes that.
    await worker('b');
    await refresh();
    expect(await codeOf(id)).toBeUndefined();
  });
});

describe('the reasons of jobs that wait', () => {
  test('follow the workers that come, go and are busy', async () => {
    await worker('a');
    const { id } = await jobs.create({ device: 'cuda' });
    expect(await codeOf(id)).toBe('device_missing');
    await worker('g', { devices: [{ name: 'gpu', devices: ['cuda'], auto: true, memory_bytes: 1e9 }] });
    expect(await refresh()).toBe(true);
    expect(await codeOf(id)).toBeUndefined();
    const other = await jobs.create({ device: 'cuda' });
    await claims.claimJob(other.id, 'g', 'cuda');
    expect(await refresh()).toBe(false);
    expect(await codeOf(id)).toBe('device_busy');
    await new Workers(jobs.database).stopped('g');
    await refresh();
    expect(await codeOf(id)).toBe('device_missing');
  });

  test('tell of a run that is too large for every worker', async () => {
    await worker('a');
    const { id } = await jobs.create();
    await jobs.database.manager.update(Job, { id }, { plan: { memory: { peak_bytes: 5e9 } } });
    await refresh();
    expect((await jobs.read(id)).waiting).toMatchObject({
      code: 'job_too_large',
      message: expect.stringContaining('the largest worker, on host-of-a, has 1,000 MB') as string,
    });
    expect(await free()).toBeNull();
  });

  test('are told to those who watch, once', async () => {
    await worker('a');
    const { id } = await jobs.create();
    await claims.claimJob((await jobs.create()).id, 'a', 'cpu');
    await refresh();
    const { waiting } = await jobs.read(id);
    await refresh();
    expect((await jobs.read(id)).waiting?.since).toBe(waiting?.since);
  });

  test('that somebody must mend stay until it is tried again', async () => {
    await worker('a');
    const { id, baseIdentity: identity } = await jobs.create();
    await holdJobsOn(
      jobs.database,
      { name: 'tiny', identity },
      { code: 'base_model_missing', message: 'gone' },
      60,
    );
    await refresh();
    expect(await codeOf(id)).toBe('base_model_missing');
    expect(await free()).toBeNull();
    const other = await jobs.create({ model: 'other' });
    expect((await free())?.job.id).toBe(other.id);
    await jobs.database.manager.delete(Job, { id: other.id });
    await jobs.database.query("UPDATE job SET try_after = now() - interval '1 second'");
    expect((await free())?.job.id).toBe(id);
  });
});

describe('a free device', () => {
  test('takes the job that waited longest of those that it can run, however many others are before it', async () => {
    await worker('a');
    for (let i = 0; i < 50; i++) await jobs.create({ device: 'cuda' });
    const [first] = [await jobs.create(), await jobs.create({ device: 'cpu' })];
    const next = await free();
    expect([next?.job.id, next?.wanted]).toEqual([first.id, 'auto']);
    expect((await free([first.id]))?.wanted).toBe('cpu');
  });

  test('goes on with a job only where that began', async () => {
    const { id } = await jobs.create();
    await claims.claimJob(id, 'a', 'cuda');
    const claim = { jobId: id, attempt: 1 };
    await writeProgress(jobs.parts, claim, { metrics: [{ step: 1, kind: 'step', values: {} }] });
    await claims.finish(claim, { end: 'handed_over' });
    expect(await free()).toBeNull();
    const gpu = { takes: ['cuda', 'auto'], memoryBytes: 1e9 };
    expect((await nextJob(jobs.database, gpu))?.wanted).toBe('cuda');
  });

  test('takes one that was handed over before those that came after it', async () => {
    const [old, young] = [await jobs.create(), await jobs.create()];
    await claims.claimJob(old.id, 'a', 'cpu');
    await claims.finish({ jobId: old.id, attempt: 1 }, { end: 'handed_over' });
    expect((await free())?.job.id).toBe(old.id);
    expect((await free([old.id]))?.job.id).toBe(young.id);
  });
});

describe('an attempt that fails for want of something that somebody must mend', () => {
  const full = { end: 'failed', error: { code: 'disk_full', message: 'no room' } } as const;

  test('lets the job wait with the reason, as often as it takes, later each time', async () => {
    const { id } = await jobs.create();
    const delays = [];
    for (let attempt = 1; attempt <= 8; attempt++) {
      await claims.claimJob(id, 'a', 'cpu');
      expect((await jobs.read(id)).waiting).toBeNull();
      const job = await claims.finish({ jobId: id, attempt }, full);
      expect(job).toMatchObject({ state: 'queued', ownFailures: 0, waiting: { code: 'disk_full' } });
      delays.push(Math.round(((job as Job).tryAfter!.getTime() - Date.now()) / 1000));
      expect(await free()).toBeNull();
    }
    expect(delays).toEqual(delays.toSorted((a, b) => a - b));
    expect(delays[0]).toBe(5);
    expect(delays.at(-1)).toBe(300);
  });

  test('begins again with short pauses once the job has come further', async () => {
    const { id } = await jobs.create();
    for (let attempt = 1; attempt <= 4; attempt++) {
      await claims.claimJob(id, 'a', 'cpu');
      const metrics = [{ step: attempt, kind: 'step' as const, values: {} }];
      await writeProgress(jobs.parts, { jobId: id, attempt }, { metrics });
      const job = (await claims.finish({ jobId: id, attempt }, full)) as Job;
      expect((job.tryAfter!.getTime() - Date.now()) / 1000).toBeLessThan(6);
    }
  });

  test('can be paused and cancelled while it waits', async () => {
    const { id } = await jobs.create();
    await claims.claimJob(id, 'a', 'cpu');
    await claims.finish({ jobId: id, attempt: 1 }, full);
    const paused = await jobs.store.requestPause(project, id);
    expect(paused).toMatchObject({ state: 'paused', waiting: null, tryAfter: null });
    await jobs.store.resumeJob(project, id);
    expect((await free())?.job.id).toBe(id);
  });
});

describe('a worker that was taken for dead and comes back', () => {
  async function takenForDead(): Promise<string> {
    const { id } = await jobs.create();
    await claims.claimJob(id, 'sleeper', 'cpu');
    await new Reconciler(jobs.parts, silentLog, { lostSeconds }).endAttemptsOf('sleeper');
    expect(await jobs.read(id)).toMatchObject({ state: 'queued', attempt: 1, workerId: null });
    return id;
  }

  test.each([
    ['by a sign of life', (jobId: string) => claims.heartbeat({ jobId, attempt: 1 })],
    [
      'by what it writes',
      (jobId: string) =>
        writeProgress(
          jobs.parts,
          { jobId, attempt: 1 },
          { metrics: [{ step: 1, kind: 'step', values: {} }] },
        ),
    ],
  ])('goes on with its job, %s', async (_, come) => {
    const id = await takenForDead();
    expect(await come(id)).not.toBe('lost');
    expect(await jobs.read(id)).toMatchObject({ state: 'running', attempt: 1, workerId: 'sleeper' });
    const [attempt] = await jobs.database.manager.findBy(Attempt, { jobId: id });
    expect(attempt).toMatchObject({ end: null, endedAt: null, error: null });
    expect((await jobs.events(id)).at(-1)?.code).toBe('attempt.regained');
  });

  test('ends its job', async () => {
    const id = await takenForDead();
    const outcome = { end: 'failed', error: { code: 'loss_not_finite', message: 'NaN' } } as const;
    expect(await claims.finish({ jobId: id, attempt: 1 }, outcome)).toMatchObject({ state: 'failed' });
  });

  test('has lost a job that somebody else took, cancelled or paused meanwhile', async () => {
    const [taken, cancelled, paused] = [await takenForDead(), await takenForDead(), await takenForDead()];
    await claims.claimJob(taken, 'other', 'cpu');
    await jobs.store.requestCancel(project, cancelled);
    await jobs.store.requestPause(project, paused);
    for (const jobId of [taken, cancelled, paused]) {
      expect(await claims.heartbeat({ jobId, attempt: 1 })).toBe('lost');
    }
    expect(await jobs.read(taken)).toMatchObject({ state: 'running', workerId: 'other', attempt: 2 });
  });

  test('does not take back what it has ended itself', async () => {
    const { id } = await jobs.create();
    await claims.claimJob(id, 'a', 'cpu');
    await claims.finish({ jobId: id, attempt: 1 }, { end: 'handed_over' });
    expect(await claims.heartbeat({ jobId: id, attempt: 1 })).toBe('lost');
  });
});
