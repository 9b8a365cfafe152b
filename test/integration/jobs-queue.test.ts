/** What keeps rows and queue entries together in a real Postgres: outbox, reconciler, idempotency keys. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { answerOnce, findAnswer } from '#jobs/idempotency.js';
import { OutboxRelay } from '#jobs/outbox.js';
import { Reconciler } from '#jobs/reconciler.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import { Job } from '#platform/database/entities/job.js';
import { Outbox } from '#platform/database/entities/outbox.js';
import { JobsDatabase, project, silentLog } from './jobs-setup.js';

let jobs: JobsDatabase;
let claims: Claims;
let relay: OutboxRelay;
beforeAll(async () => {
  jobs = await JobsDatabase.start();
  claims = new Claims(jobs.parts);
  relay = new OutboxRelay(jobs.parts, silentLog);
}, 120_000);
beforeEach(async () => {
  await jobs.database.manager.clear(Outbox);
  jobs.queue.ids.length = 0;
});
afterAll(() => jobs.close());

describe('the outbox', () => {
  test('brings every new job to the queue once, in order', async () => {
    const made = [];
    for (let i = 0; i < 3; i++) made.push((await jobs.create()).id);
    expect(await relay.relayAll()).toBe(3);
    expect(jobs.queue.ids).toEqual(made);
    expect(await relay.relayAll()).toBe(0);
  });

  test('is emptied by several relays at once without doubling', async () => {
    const made = new Set<string>();
    for (let i = 0; i < 20; i++) made.add((await jobs.create()).id);
    await Promise.all(Array.from({ length: 5 }, () => new OutboxRelay(jobs.parts, silentLog).relayAll()));
    await relay.relayAll();
    expect(jobs.queue.ids).toHaveLength(20);
    expect(new Set(jobs.queue.ids)).toEqual(made);
  });

  test('keeps its entries while the queue is away', async () => {
    const { id } = await jobs.create();
    jobs.queue.failures = 1;
    await expect(relay.relayAll()).rejects.toThrow('the queue is away');
    expect(await jobs.outbox(id)).toBe(1);
    await relay.relayAll();
    expect(jobs.queue.ids).toEqual([id]);
  });

  test('holds back what is to come later', async () => {
    const { id } = await jobs.create();
    await jobs.database.query("UPDATE outbox SET created_at = now() + interval '1 hour' WHERE job_id = $1", [
      id,
    ]);
    expect(await relay.relayAll()).toBe(0);
  });

  test('is emptied when the relay is woken, and after a failure by its timer', async () => {
    const own = new OutboxRelay(jobs.parts, silentLog, { everySeconds: 0.05 });
    own.start();
    jobs.queue.failures = 2;
    const { id } = await jobs.create();
    own.wake();
    await expect.poll(() => jobs.queue.ids).toEqual([id]);
    await own.stop();
  });

  test('brings what many make at once to the queue together', async () => {
    const own = new OutboxRelay(jobs.parts, silentLog, { everySeconds: 60 });
    own.start();
    const before = jobs.queue.calls;
    const begun = performance.now();
    for (let i = 0; i < 40; i++) {
      await jobs.create();
      own.wake();
    }
    await expect.poll(() => jobs.queue.ids.length).toBe(40);
    const rounds = (performance.now() - begun) / 50;
    expect(jobs.queue.calls - before).toBeLessThanOrEqual(Math.ceil(rounds) + 1);
    await own.stop();
  });

  test('of a transaction that is rolled back has nothing', async () => {
    const input = await jobs.newJob();
    const doomed = jobs.database.transaction(async (manager) => {
      await jobs.store.createJob(project, input, manager);
      throw new Error('no');
    });
    await expect(doomed).rejects.toThrow('no');
    expect(await relay.relayAll()).toBe(0);
  });
});

describe('the reconciler', () => {
  const reconciler = (seconds: { lost?: number; unknown?: number } = {}) =>
    new Reconciler(jobs.parts, silentLog, {
      lostSeconds: seconds.lost ?? 0.3,
      unknownSeconds: seconds.unknown ?? 3600,
    });

  test('puts back the jobs of a worker that gives no sign of life, and of no other', async () => {
    const [dead, alive] = [await jobs.create(), await jobs.create()];
    await claims.claimJob(dead.id, 'worker-dead', 'cpu');
    await claims.claimJob(alive.id, 'worker-alive', 'cpu');
    await jobs.database.query("UPDATE job SET heartbeat_at = now() - interval '1 minute' WHERE id = $1", [
      dead.id,
    ]);
    // Until the server of this test is older than the limit nobody is judged.
    const look = async () => {
      await claims.heartbeat({ jobId: alive.id, attempt: 1 });
      return reconciler({ lost: 1 }).reconcile();
    };
    await expect.poll(look, { timeout: 10_000 }).toContain(dead.id);
    expect(await jobs.read(dead.id)).toMatchObject({ state: 'queued', workerId: null, ownFailures: 0 });
    expect(await jobs.outbox(dead.id)).toBe(2);
    const [attempt] = await jobs.database.manager.findBy(Attempt, { jobId: dead.id });
    expect(attempt).toMatchObject({ end: 'lost', error: { code: 'worker_lost' } });
    expect((await jobs.read(alive.id)).state).toBe('running');
    await claims.finish({ jobId: alive.id, attempt: 1 }, { end: 'handed_over' });
  });

  test('does so once, however many look at the same time', async () => {
    const { id } = await jobs.create();
    await claims.claimJob(id, 'worker-dead', 'cpu');
    await jobs.database.query("UPDATE job SET heartbeat_at = now() - interval '1 minute' WHERE id = $1", [
      id,
    ]);
    const found = await Promise.all(Array.from({ length: 6 }, () => reconciler().reconcile()));
    expect(found.flat().filter((other) => other === id)).toHaveLength(1);
    const events = await jobs.events(id);
    expect(events.filter(({ code }) => code === 'attempt.lost')).toHaveLength(1);
  });

  test('ends a job that was to be cancelled or paused when its worker died', async () => {
    const [cancelled, paused] = [await jobs.create(), await jobs.create()];
    for (const { id } of [cancelled, paused]) await claims.claimJob(id, 'worker-dead', 'cpu');
    await jobs.store.requestCancel(project, cancelled.id);
    await jobs.store.requestPause(project, paused.id);
    await reconciler().endAttemptsOf('worker-dead');
    expect((await jobs.read(cancelled.id)).state).toBe('cancelled');
    expect((await jobs.read(paused.id)).state).toBe('paused');
  });

  test('judges no worker while the database has just come back', async () => {
    const { id } = await jobs.create();
    await claims.claimJob(id, 'worker-waiting', 'cpu');
    await jobs.database.query("UPDATE job SET heartbeat_at = now() - interval '1 day' WHERE id = $1", [id]);
    // The server of this test has not run for an hour.
    expect(await reconciler({ lost: 3600 }).reconcile()).toEqual([]);
    expect((await jobs.read(id)).state).toBe('running');
    await claims.finish({ jobId: id, attempt: 1 }, { end: 'handed_over' });
  });

  test('brings back waiting jobs that the queue does not know', async () => {
    const [known, forgotten, fresh] = [await jobs.create(), await jobs.create(), await jobs.create()];
    await jobs.database.manager.clear(Outbox);
    jobs.queue.ids.push(known.id);
    const old = "UPDATE job SET queued_at = now() - interval '1 minute' WHERE id = ANY($1)";
    await jobs.database.query(old, [[known.id, forgotten.id]]);
    const all = await reconciler({ lost: 3600, unknown: 30 }).reconcile();
    expect(all).toContain(forgotten.id);
    expect(all).not.toContain(known.id);
    expect(all).not.toContain(fresh.id);
    await relay.relayAll();
    expect(jobs.queue.ids).toContain(forgotten.id);
    expect(await reconciler({ lost: 3600, unknown: 30 }).reconcile()).toEqual([]);
  });
});

describe('an Idempotency-Key', () => {
  const request = (key: string, digest = 'digest') => ({ projectId: project, key, digest });

  test('makes one job of fifty requests at once, and all get its answer', async () => {
    const input = await jobs.newJob();
    let made = 0;
    const ask = () =>
      answerOnce(jobs.database, request('key-1'), async (manager) => {
        made++;
        const { job } = await jobs.store.createJob(project, input, manager);
        return { status: 200, body: { id: job.id } };
      });
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    expect(made).toBe(1);
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await jobs.database.manager.countBy(Job, { trainingFileId: input.trainingFileId })).toBe(1);
    expect(await findAnswer(jobs.database, request('key-1'))).toMatchObject({ body: answers[0]!.body });
  });

  test('with another request is refused', async () => {
    await answerOnce(jobs.database, request('key-2'), () => Promise.resolve({ status: 200, body: {} }));
    const other = answerOnce(jobs.database, request('key-2', 'other'), () => {
      throw new Error('must not be called');
    });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    await expect(findAnswer(jobs.database, request('key-2', 'other'))).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    });
  });

  test('of a request that failed is free again, also for those that waited for it', async () => {
    const first = answerOnce(jobs.database, request('key-3'), async () => {
      await sleep(50);
      throw new Error('invalid');
    });
    const second = answerOnce(jobs.database, request('key-3'), () =>
      Promise.resolve({ status: 201, body: { ok: true } }),
    );
    const settled = await Promise.allSettled([first, second]);
    expect(settled.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await findAnswer(jobs.database, request('key-3'))).toMatchObject({ status: 201, replayed: true });
    expect(await findAnswer(jobs.database, request('key-4'))).toBeNull();
  });
});
