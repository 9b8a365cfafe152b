/** A job's life in a real Postgres: states, claims, fencing, endings, progress. */
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LowrankError } from '#base/errors.js';
import { Claims } from '#jobs/claims.js';
import type { AttemptOutcome } from '#jobs/endings.js';
import { JobHistory } from '#jobs/job-history.js';
import type { MadeJob } from '#jobs/new-job.js';
import { type NewMetric, writeProgress } from '#jobs/progress.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { Job } from '#platform/database/entities/job.js';
import { Metric } from '#platform/database/entities/metric.js';
import { chosenValues } from './chosen-values.js';
import { JobsDatabase, project } from './jobs-setup.js';

let jobs: JobsDatabase;
let claims: Claims;
beforeAll(async () => {
  jobs = await JobsDatabase.start();
  claims = new Claims(jobs.parts);
}, 120_000);
afterAll(() => jobs.close());

async function running(changes = {}): Promise<{ job: Job; jobId: string; attempt: number }> {
  const { id } = await jobs.create(changes);
  const claimed = await claims.claimJob(id, 'worker-a', 'cpu');
  return { job: claimed!.job, jobId: id, attempt: claimed!.attempt };
}

function steps(from: number, to: number): NewMetric[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    step: from + i,
    kind: 'step' as const,
    values: { loss: 1 / (from + i) },
  }));
}

const succeeded: AttemptOutcome = {
  end: 'succeeded',
  trainedTokens: 1000,
  adapter: {
    config: { r: 8 },
    sha256: 'a'.repeat(64),
    files: [{ path: 'adapter_model.safetensors', key: 'x', bytes: 5, sha256: 'a'.repeat(64) }],
  },
};
const failed = (code: 'loss_not_finite' | 'trainer_crashed'): AttemptOutcome => ({
  end: 'failed',
  error: { code, message: 'the loss is NaN' },
});
const killed: AttemptOutcome = {
  end: 'lost',
  killed: true,
  error: { code: 'trainer_killed', message: 'The trainer was ended by SIGKILL' },
};

describe('a new job', () => {
  test('waits, stands in the outbox, and has its first events', async () => {
    const job = await jobs.create({ metadata: { team: 'a' }, seed: 2 ** 53 - 1 });
    expect(job).toMatchObject({ state: 'queued', attempt: 0, seed: 2 ** 53 - 1, metadata: { team: 'a' } });
    expect(job.queuedAt).toBeInstanceOf(Date);
    expect(await jobs.outbox(job.id)).toBe(1);
    expect((await jobs.events(job.id)).map(({ seq, code }) => [seq, code])).toEqual([
      [1, 'job.created'],
      [2, 'job.queued'],
    ]);
    expect(await jobs.read(job.id)).toEqual(job);
    // Nobody can follow it before its id is known.
    expect(jobs.sent.filter((message) => message.includes(job.id))).toEqual([]);
  });

  test('is not made for a file that is missing, deleted or of another project', async () => {
    const deleted = await jobs.file({ deletedAt: new Date() });
    const foreign = await jobs.file({ projectId: 'proj_other' });
    for (const trainingFileId of [deleted, foreign, 'file-missing']) {
      await expect(jobs.create({ trainingFileId })).rejects.toMatchObject({
        code: 'file_not_found',
        details: { field: 'training_file' },
      });
    }
  });

  test('of many at once is written with the others, each key once, and not with one whose file is gone', async () => {
    const trainingFileId = await jobs.file();
    const query = vi.spyOn(Client.prototype, 'query');
    const asked = Array.from({ length: 30 }, (_, i) => i);
    const outcomes = await Promise.allSettled(
      asked.map(async (i) => {
        const file = i === 7 ? 'file-missing' : trainingFileId;
        const input = await jobs.newJob({ trainingFileId: file, seed: i });
        const request = { projectId: project, key: `together-${i % 20}`, digest: 'digest' };
        const view = ({ job }: MadeJob) => ({ id: job.id, seed: job.seed });
        return (await jobs.store.createJobOnce(project, input, { request, view }))['id'];
      }),
    );
    const statements = query.mock.calls.length;
    query.mockRestore();
    const ids = outcomes.map((one) => (one.status === 'fulfilled' ? String(one.value) : 'refused'));
    // The key of the refused request was free for the next with it.
    expect(outcomes.flatMap((one, i) => (one.status === 'rejected' ? [i] : []))).toEqual([7]);
    const repeated = asked.slice(20).filter((i) => i !== 27);
    expect(repeated.map((i) => ids[i])).toEqual(repeated.map((i) => ids[i - 20]));
    const made = await jobs.database.manager.findBy(Job, { trainingFileId });
    expect(new Set(['refused', ...made.map(({ id }) => id)])).toEqual(new Set(ids));
    expect(made).toHaveLength(20);
    for (const { id } of made)
      expect([await jobs.outbox(id), (await jobs.events(id)).length]).toEqual([1, 2]);
    expect(statements).toBeLessThan(asked.length);
  });

  test('is steered by its own project only', async () => {
    const { id } = await jobs.create();
    await expect(jobs.store.requestCancel('proj_other', id)).rejects.toMatchObject({ code: 'job_not_found' });
    expect((await jobs.read(id)).state).toBe('queued');
  });
});

describe('claiming', () => {
  test('gives a job to exactly one of many workers', async () => {
    const { id } = await jobs.create();
    const got = await Promise.all(
      Array.from({ length: 20 }, (_, i) => claims.claimJob(id, `worker-${i}`, 'cpu')),
    );
    expect(got.filter(Boolean)).toHaveLength(1);
    const attempts = await jobs.database.manager.findBy(Attempt, { jobId: id });
    expect(attempts).toHaveLength(1);
    expect(await jobs.read(id)).toMatchObject({
      state: 'running',
      attempt: 1,
      workerId: attempts[0]!.workerId,
    });
  });

  test('is repeated safely by the same worker', async () => {
    const { jobId, attempt } = await running();
    expect((await claims.claimJob(jobId, 'worker-a', 'cpu'))?.attempt).toBe(attempt);
    expect(await claims.claimJob(jobId, 'worker-b', 'cpu')).toBeNull();
    expect(await claims.claimJob('ftjob-missing', 'worker-b', 'cpu')).toBeNull();
  });

  test('of a cancelled job gives nothing', async () => {
    const { id } = await jobs.create();
    expect((await jobs.store.requestCancel(project, id)).state).toBe('cancelled');
    expect(await claims.claimJob(id, 'worker-a', 'cpu')).toBeNull();
  });
});

describe('fencing', () => {
  test('an attempt that lost its job writes nothing, beats in vain and ends nothing', async () => {
    const old = await running();
    await claims.finish(old, killed);
    const now = await claims.claimJob(old.jobId, 'worker-b', 'cpu');
    expect(now?.attempt).toBe(2);
    const before = await jobs.events(old.jobId);
    expect(await writeProgress(jobs.parts, old, { metrics: steps(1, 3) })).toBe('lost');
    expect(await claims.heartbeat(old)).toBe('lost');
    expect(await claims.finish(old, succeeded)).toBe('lost');
    expect(await jobs.events(old.jobId)).toEqual(before);
    expect(await jobs.database.manager.countBy(Metric, { jobId: old.jobId })).toBe(0);
    expect(await jobs.database.manager.countBy(Adapter, { jobId: old.jobId })).toBe(0);
    expect(await claims.heartbeat({ jobId: old.jobId, attempt: 2 })).toEqual({ cancel: false, pause: false });
  });

  test('an end that is told twice happens once', async () => {
    const claim = await running();
    const first = await claims.finish(claim, succeeded);
    const second = await claims.finish(claim, succeeded);
    expect([first, second]).toEqual([
      expect.objectContaining({ state: 'succeeded' }),
      expect.objectContaining({ state: 'succeeded' }),
    ]);
    expect(await jobs.database.manager.countBy(Adapter, { jobId: claim.jobId })).toBe(1);
    const codes = (await jobs.events(claim.jobId)).map(({ code }) => code);
    expect(codes.filter((code) => code === 'job.succeeded')).toHaveLength(1);
  });
});

describe('the end of an attempt', () => {
  test('in success makes an adapter with a name', async () => {
    const claim = await running({ suffix: 'mine' });
    const job = (await claims.finish(claim, succeeded)) as Job;
    expect(job).toMatchObject({ state: 'succeeded', trainedTokens: 1000, workerId: null });
    const adapter = await jobs.database.manager.findOneByOrFail(Adapter, { jobId: claim.jobId });
    expect(adapter).toMatchObject({ id: job.adapterId, bytes: 5, model: 'tiny' });
    expect(adapter.name).toBe(`ft:tiny:default:mine:${adapter.id.slice('adapter-'.length)}`);
  });

  test('by the fault of the job fails it at once', async () => {
    const claim = await running();
    const job = (await claims.finish(claim, failed('loss_not_finite'))) as Job;
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'loss_not_finite', message: 'the loss is NaN', param: null },
    });
    expect(job.finishedAt).toBeInstanceOf(Date);
  });

  test('by a failure of its own is tried again twice, later each time, and then stays', async () => {
    const { jobId } = await running();
    const states = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const job = (await claims.finish({ jobId, attempt }, failed('trainer_crashed'))) as Job;
      states.push(job.state);
      await claims.claimJob(jobId, 'worker-a', 'cpu');
    }
    expect(states).toEqual(['queued', 'queued', 'failed']);
    const job = await jobs.read(jobId);
    expect(job.ownFailures).toBe(3);
    expect(job.error?.message).toContain('after 3 tries');
  });

  test('by loss never uses up the tries', async () => {
    const { jobId } = await running();
    const lost: AttemptOutcome = {
      ...killed,
      killed: false,
      error: { code: 'worker_lost', message: 'gone' },
    };
    for (let attempt = 1; attempt <= 12; attempt++) {
      expect(await claims.finish({ jobId, attempt }, lost)).toMatchObject({
        state: 'queued',
        ownFailures: 0,
      });
      await claims.claimJob(jobId, 'worker-a', 'cpu');
    }
  });

  test('by being killed fails the job only if nothing new comes of five attempts in a row', async () => {
    const { jobId } = await running();
    for (let attempt = 1; attempt <= 4; attempt++) {
      expect(await claims.finish({ jobId, attempt }, killed)).toMatchObject({ state: 'queued' });
      await claims.claimJob(jobId, 'worker-a', 'cpu');
    }
    await writeProgress(jobs.parts, { jobId, attempt: 5 }, { metrics: steps(1, 1) });
    for (let attempt = 5; attempt <= 9; attempt++) {
      expect(await claims.finish({ jobId, attempt }, killed)).toMatchObject({ state: 'queued' });
      await claims.claimJob(jobId, 'worker-a', 'cpu');
    }
    expect(await claims.finish({ jobId, attempt: 10 }, killed)).toMatchObject({
      state: 'failed',
      error: { code: 'trainer_killed_repeatedly' },
    });
  });

  test('that hands over puts the job back into the outbox', async () => {
    const claim = await running();
    const before = await jobs.outbox(claim.jobId);
    expect(await claims.finish(claim, { end: 'handed_over' })).toMatchObject({
      state: 'queued',
      workerId: null,
    });
    expect(await jobs.outbox(claim.jobId)).toBe(before + 1);
  });
});

describe('cancelling', () => {
  test('a running job waits for its worker, and then wins over every outcome', async () => {
    for (const outcome of [
      succeeded,
      failed('loss_not_finite'),
      failed('trainer_crashed'),
      killed,
      { end: 'paused' } as const,
    ]) {
      const claim = await running();
      const asked = await jobs.store.requestCancel(project, claim.jobId);
      expect(asked.state).toBe('running');
      expect(jobs.sent).toContain(`lowrank_control ${claim.jobId}`);
      expect(await claims.heartbeat(claim)).toEqual({ cancel: true, pause: false });
      expect(await claims.finish(claim, outcome)).toMatchObject({ state: 'cancelled', adapterId: null });
      expect(await jobs.database.manager.countBy(Adapter, { jobId: claim.jobId })).toBe(0);
    }
  });

  test('races with finishing, and there is one end only', async () => {
    for (let round = 0; round < 30; round++) {
      const claim = await running();
      const [asked, ended] = await Promise.allSettled([
        jobs.store.requestCancel(project, claim.jobId),
        claims.finish(claim, succeeded),
      ]);
      const job = await jobs.read(claim.jobId);
      expect(['succeeded', 'cancelled']).toContain(job.state);
      expect(ended.status).toBe('fulfilled');
      const refusals = asked.status === 'rejected' ? [(asked.reason as LowrankError).code] : [];
      expect(refusals).toEqual(job.state === 'cancelled' ? [] : ['job_finished']);
      const codes = (await jobs.events(claim.jobId)).map(({ code }) => code);
      expect(codes.filter((code) => code === 'job.succeeded' || code === 'job.cancelled')).toHaveLength(1);
    }
  });

  test('twice is no error, and after the end it is one', async () => {
    const { id } = await jobs.create();
    await jobs.store.requestCancel(project, id);
    expect((await jobs.store.requestCancel(project, id)).state).toBe('cancelled');
    const claim = await running();
    await claims.finish(claim, succeeded);
    await expect(jobs.store.requestCancel(project, claim.jobId)).rejects.toMatchObject({
      code: 'job_finished',
    });
  });
});

describe('pausing', () => {
  test('a waiting job is at once, and going on queues it', async () => {
    const { id } = await jobs.create();
    jobs.queue.ids.push(id);
    expect((await jobs.store.requestPause(project, id)).state).toBe('paused');
    expect(jobs.queue.ids).not.toContain(id);
    const before = await jobs.outbox(id);
    expect((await jobs.store.resumeJob(project, id)).state).toBe('queued');
    expect(await jobs.outbox(id)).toBe(before + 1);
  });

  test('a running job happens when its attempt ends, unless it was taken back', async () => {
    const claim = await running();
    await jobs.store.requestPause(project, claim.jobId);
    expect(await claims.heartbeat(claim)).toEqual({ cancel: false, pause: true });
    expect(await claims.finish(claim, { end: 'paused' })).toMatchObject({
      state: 'paused',
      pauseRequestedAt: null,
    });
    const other = await running();
    await jobs.store.requestPause(project, other.jobId);
    await jobs.store.resumeJob(project, other.jobId);
    expect(await claims.finish(other, { end: 'paused' })).toMatchObject({ state: 'queued' });
  });
});

describe('progress', () => {
  test('is numbered without gaps, whoever writes at the same time, and nothing is doubled', async () => {
    const claim = await running();
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        writeProgress(jobs.parts, claim, {
          metrics: steps(1 + 5 * i, 10 + 5 * i),
          events: [{ level: 'info', code: 'note', message: `batch ${i}`, at: new Date() }],
        }),
      ),
    );
    const { rows } = await new JobHistory(jobs.database).metrics(claim.jobId, { limit: 1000 });
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 55 }, (_, i) => i + 1));
    expect(rows.map(({ step }) => step).toSorted((a, b) => a - b)).toEqual(rows.map(({ seq }) => seq));
    const events = await jobs.events(claim.jobId);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    expect(await jobs.read(claim.jobId)).toMatchObject({ step: 55, eventCount: events.length });
  });

  test('that is written twice is there once', async () => {
    const claim = await running();
    const batch = {
      metrics: steps(1, 4),
      events: [{ level: 'warn' as const, code: 'note', message: 'once', at: new Date() }],
      facts: { totalSteps: 20, plan: { memory: null } },
      decided: {
        device: 'cpu',
        chosen: chosenValues,
        choices: [{ option: 'batch_size', value: 4, reason: 'r' }],
      },
    };
    await writeProgress(jobs.parts, claim, batch);
    await writeProgress(jobs.parts, claim, batch);
    expect(await jobs.database.manager.countBy(Metric, { jobId: claim.jobId })).toBe(4);
    const notes = (await jobs.events(claim.jobId)).filter(({ code }) => code === 'note');
    expect(notes).toHaveLength(1);
    expect(await jobs.read(claim.jobId)).toMatchObject({
      totalSteps: 20,
      plan: { memory: null },
      choices: [{ option: 'batch_size', value: 4, reason: 'r' }],
      resolved: { device: 'cpu', chosen: chosenValues },
    });
  });

  test('of a later attempt leaves what an earlier one measured', async () => {
    const claim = await running();
    await writeProgress(jobs.parts, claim, { metrics: steps(1, 3) });
    await claims.finish(claim, killed);
    const again = (await claims.claimJob(claim.jobId, 'worker-b', 'cpu'))!;
    await writeProgress(jobs.parts, { ...claim, attempt: again.attempt }, { metrics: steps(2, 5) });
    const rows = await jobs.database.manager.find(Metric, {
      where: { jobId: claim.jobId },
      order: { seq: 'ASC' },
    });
    expect(rows.map(({ step, attempt }) => [step, attempt])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 2],
    ]);
  });

  test('keeps the newest checkpoints and the best, and tells which files may go', async () => {
    const claim = await running({ training: { keep_checkpoints: 2 } });
    const released = [];
    for (const [step, best] of [
      [10, true],
      [20, true],
      [30, false],
      [40, false],
      [50, false],
    ] as const) {
      const files = [{ path: 'state.json', key: `key-${step}`, bytes: 1, sha256: 'b' }];
      const written = await writeProgress(jobs.parts, claim, {
        checkpoint: { step, best, files, metrics: { step } },
      });
      if (written !== 'lost') released.push(...written.released.map(({ key }) => key));
    }
    expect(released).toEqual(['key-10', 'key-30']);
    const left = await jobs.database.manager.find(Checkpoint, {
      where: { jobId: claim.jobId },
      order: { step: 'ASC' },
    });
    expect(left.map(({ step, best }) => [step, best])).toEqual([
      [20, true],
      [40, false],
      [50, false],
    ]);
    const page = await new JobHistory(jobs.database).checkpoints(claim.jobId, { limit: 2 });
    expect(page.rows.map(({ step }) => step)).toEqual([50, 40]);
    expect(page.hasMore).toBe(true);
  });
});
