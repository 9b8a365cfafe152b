/** Jobs as their owners see and steer them. */
import type { EntityManager } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import type { Log, QueueParts } from '#jobs/parts.js';
import { filesOf } from '#jobs/stored-files.js';
import { Placement } from '#jobs/placement.js';
import { reasonFromNow, staysOutOfQueue } from '#jobs/waiting.js';
import {
  addToOutbox,
  appendEvents,
  changeJob,
  isTerminal,
  type JobChange,
  type NewEvent,
} from '#jobs/transitions.js';
import { Job } from '#platform/database/entities/job.js';
import type { Choice } from '#training/events.js';
import type { RequestedOptions, ResolvedOptions } from '#training/resolved-options.js';
import { newId } from '#platform/ids.js';

/** A job before it is made: checked by `planJob`, files and adapter of the same project. */
export interface NewJob {
  /** Name of the base model. */
  readonly model: string;
  /** Digest of the base model. */
  readonly baseIdentity: string;
  readonly trainingFileId: string;
  readonly validationFileId: string | null;
  readonly initAdapterId: string | null;
  /** PEFT's LoraConfig as it was asked for. */
  readonly lora: Record<string, unknown> | null;
  /** Training options as they were asked for, without `seed` and `device`, which stand on the job. */
  readonly training: Record<string, unknown>;
  /** All that was asked for, and what it means. */
  readonly requested?: RequestedOptions | null;
  readonly resolved?: ResolvedOptions | null;
  /** Values that were chosen for `auto`, as far as they are known. */
  readonly choices?: readonly Choice[] | null;
  readonly device: string;
  readonly suffix: string | null;
  readonly metadata: Record<string, string> | null;
  readonly seed: number;
}

const defaultLostSeconds = 20;

export class JobStore {
  constructor(
    private readonly parts: QueueParts,
    private readonly log?: Log,
    /** Seconds without a sign of life after which a worker is taken for dead. */
    private readonly lostSeconds = defaultLostSeconds,
  ) {}

  /**
   * Makes a job that waits for a worker, in the given transaction or one of its own; one that no worker could take waits
   * outside the queue. The caller wakes the outbox relay after the commit. Throws LowrankError `file_not_found`
   * (details.field) if a file is gone.
   */
  async createJob(projectId: string, input: NewJob, within?: EntityManager): Promise<Job> {
    const create = async (manager: EntityManager): Promise<Job> => {
      await requireFile(manager, projectId, 'training_file', input.trainingFileId);
      if (input.validationFileId !== null) {
        await requireFile(manager, projectId, 'validation_file', input.validationFileId);
      }
      const id = newId('ftjob');
      const placement = await Placement.read(manager, this.lostSeconds);
      const reason = placement.reasonFor({ device: input.device, memoryBytes: 0 });
      const isOutside = staysOutOfQueue(reason);
      const events: NewEvent[] = [
        { level: 'info', code: 'job.created', message: `Created fine-tuning job: ${id}` },
        { level: 'info', code: 'job.queued', message: 'Waiting for a worker' },
      ];
      if (isOutside)
        events.push({ level: 'warn', code: 'job.waiting', message: `Waiting: ${reason!.message}` });
      const row = { ...input, id, projectId, state: 'queued' as const, eventCount: events.length };
      const waiting = reasonFromNow(reason);
      await manager.insert(Job, { ...row, waiting, queuedAt: () => 'now()' } as never);
      await appendEvents(manager, { id, eventCount: 0 }, events);
      if (!isOutside) await addToOutbox(manager, id);
      await this.parts.notifications.notify(manager, 'lowrank_job', id);
      return manager.findOneByOrFail(Job, { id });
    };
    return within ? create(within) : this.parts.database.transaction(create);
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

/** The lock keeps the file's row until the job is there. */
async function requireFile(
  manager: EntityManager,
  projectId: string,
  field: string,
  fileId: string,
): Promise<void> {
  const file = await filesOf(manager, projectId)
    .andWhere('file.id = :fileId', { fileId })
    .setLock('pessimistic_read')
    .getOne();
  if (file) return;
  throw new LowrankError('file_not_found', `${field}: there is no file ${fileId}`, {
    details: { field, file: fileId },
  });
}
