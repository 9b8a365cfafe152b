/** Jobs as their owners see and steer them. */
import type { EntityManager } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import { type Beginnings, beginningsWithin, gatheredBeginnings } from '#jobs/beginnings.js';
import { findAnswer } from '#jobs/idempotency.js';
import { type KeyedAnswer, type MadeJob, makeJob, type NewJob } from '#jobs/new-job.js';
import type { Log, QueueParts } from '#jobs/parts.js';
import { changeJob, isTerminal, type JobChange } from '#jobs/transitions.js';
import type { Job } from '#platform/database/entities/job.js';

const defaultLostSeconds = 20;

export class JobStore {
  private readonly beginnings: Beginnings;

  constructor(
    private readonly parts: QueueParts,
    private readonly log?: Log,
    /** Seconds without a sign of life after which a worker is taken for dead. */
    private readonly lostSeconds = defaultLostSeconds,
    /** Types of the trackers whose servers are told of every job. */
    private readonly trackers: readonly string[] = [],
  ) {
    this.beginnings = gatheredBeginnings(parts.database, lostSeconds);
  }

  /**
   * Makes a job that waits for a worker, in the given transaction or by a statement shared with others; one that no worker could
   * take waits outside the queue. The caller wakes the outbox relay after the commit. Throws LowrankError
   * `file_not_found` (details.field) if a file is gone.
   */
  async createJob(projectId: string, input: NewJob, within?: EntityManager): Promise<MadeJob> {
    const beginnings = within ? beginningsWithin(within, this.lostSeconds) : this.beginnings;
    return (await makeJob(beginnings, projectId, input, undefined, this.trackers))!;
  }

  /** The same once for a key; yields the answer that is kept with it. Throws `idempotency_mismatch` too. */
  async createJobOnce(
    projectId: string,
    input: NewJob,
    keyed: KeyedAnswer,
  ): Promise<Record<string, unknown>> {
    for (;;) {
      const made = await makeJob(this.beginnings, projectId, input, keyed, this.trackers);
      if (made) return keyed.view(made);
      const kept = await findAnswer(this.parts.database, keyed.request);
      if (kept) return kept.body;
      // The key was given up in between.
    }
  }

  /**
   * Cancels a job: at once if it does not run, else its worker stops it within seconds. A cancelled job stays one.
   * Throws LowrankError `job_not_found`, `job_finished`.
   */
  async requestCancel(projectId: string, jobId: string): Promise<Job> {
    const job = await this.change(projectId, jobId, (change) => {
      const { state, cancelRequestedAt } = change.job;
      if (state === 'cancelled') return;
      requireUnfinished(change.job, 'cancelled');
      if (state !== 'running') {
        change.move('cancelled');
        change.emit({ level: 'info', code: 'job.cancelled', message: 'The job was cancelled' });
      } else {
        change.wakeWorker();
        if (cancelRequestedAt !== null) return;
        change.set({ cancelRequestedAt: () => 'now()' });
        change.emit({ level: 'info', code: 'job.cancel_requested', message: 'The job is being cancelled' });
      }
    });
    if (job.state === 'cancelled') await this.leaveQueue(jobId);
    return job;
  }

  /**
   * Pauses a job: at once if it waits, else its worker stops it at a checkpoint. Throws LowrankError `job_not_found`,
   * `job_finished`.
   */
  async requestPause(projectId: string, jobId: string): Promise<Job> {
    const job = await this.change(projectId, jobId, (change) => {
      const { state, pauseRequestedAt } = change.job;
      if (state === 'paused') return;
      requireUnfinished(change.job, 'paused');
      if (state !== 'running') {
        change.move('paused', { pauseRequestedAt: null });
        change.emit({ level: 'info', code: 'job.paused', message: 'The job is paused' });
      } else {
        change.wakeWorker();
        if (pauseRequestedAt !== null) return;
        change.set({ pauseRequestedAt: () => 'now()' });
        change.emit({
          level: 'info',
          code: 'job.pause_requested',
          message: 'The job pauses at a checkpoint',
        });
      }
    });
    if (job.state === 'paused') await this.leaveQueue(jobId);
    return job;
  }

  /**
   * Lets a paused job go on; one that is on its way to being paused will not be. The caller wakes the outbox relay.
   * Throws LowrankError `job_not_found`, `job_finished`.
   */
  async resumeJob(projectId: string, jobId: string): Promise<Job> {
    return this.change(projectId, jobId, (change) => {
      const { state, pauseRequestedAt } = change.job;
      requireUnfinished(change.job, 'resumed');
      if (state === 'paused') {
        change.enqueue();
        change.set({ pauseRequestedAt: null });
        change.emit({ level: 'info', code: 'job.queued', message: 'Resumed: waiting for a worker' });
      } else if (pauseRequestedAt !== null) {
        change.set({ pauseRequestedAt: null });
        change.emit({ level: 'info', code: 'job.resumed', message: 'The job is not to be paused any more' });
      }
    });
  }

  private async change(projectId: string, jobId: string, work: (change: JobChange) => void): Promise<Job> {
    const changed = await changeJob(this.parts, jobId, (change) => {
      if (change.job.projectId !== projectId) notFound(jobId);
      work(change);
    });
    return changed?.job ?? notFound(jobId);
  }

  /** An entry that stays does no harm: a worker finds that there is nothing to do. */
  private async leaveQueue(jobId: string): Promise<void> {
    try {
      await this.parts.queue.remove(jobId);
    } catch (error) {
      this.log?.warn({ err: error, job: jobId }, 'a job that needs no worker is still in the queue');
    }
  }
}

function notFound(jobId: string): never {
  throw new LowrankError('job_not_found', `there is no fine-tuning job ${jobId}`, {
    details: { job: jobId },
  });
}

function requireUnfinished({ id, state }: Readonly<Job>, action: string): void {
  if (!isTerminal(state)) return;
  throw new LowrankError('job_finished', `job ${id} is ${state} and cannot be ${action} any more`, {
    details: { job: id, state },
  });
}
