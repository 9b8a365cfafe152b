/** How a job changes: one transaction with its row locked, the moves that are allowed, its events, one notification. */
import type { EntityManager } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { LowrankError } from '#base/errors.js';
import type { JobsParts } from '#jobs/parts.js';
import { keepResults } from '#jobs/result-file.js';
import { trackerFileEvents, wakeTrackers } from '#jobs/trackers.js';
import { noteEnd } from '#jobs/webhooks.js';
import { JobEvent } from '#platform/database/entities/job-event.js';
import { Job, type JobState, terminalStates } from '#platform/database/entities/job.js';
import { Outbox } from '#platform/database/entities/outbox.js';
import type { WaitingReason } from '#platform/database/entities/waiting-reason.js';

/** Where a job may go from each state. */
export const transitions: Readonly<Record<JobState, readonly JobState[]>> = {
  validating_files: ['queued', 'failed', 'cancelled'],
  queued: ['running', 'paused', 'cancelled'],
  running: ['queued', 'paused', 'succeeded', 'failed', 'cancelled'],
  paused: ['queued', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};

/** Whether nothing more happens to a job in this state. */
export function isTerminal(state: JobState): boolean {
  return (terminalStates as readonly JobState[]).includes(state);
}

/** An event before it has its number. */
export interface NewEvent {
  readonly level: JobEvent['level'];
  /** A stable word, such as `job.queued`. */
  readonly code: string;
  readonly message: string;
  readonly data?: Record<string, unknown> | null;
  /** When it happened; left out: the time of the transaction. */
  readonly at?: Date;
}

/** When a job that waits may be tried again, and what it waits for. */
export interface RetryDelay {
  readonly seconds: number;
  readonly because?: Pick<WaitingReason, 'code' | 'message'>;
}

type Fields = QueryDeepPartialEntity<Job>;

/** A job whose row is locked, and what is to become of it when the transaction ends. */
export class JobChange {
  private fields: Fields = {};
  private readonly events: NewEvent[] = [];
  private delaySeconds: number | undefined;
  private wakesWorker = false;
  private end: JobState | undefined;

  constructor(
    readonly manager: EntityManager,
    /** As it was when it was locked. */
    readonly job: Readonly<Job>,
  ) {}

  /** Puts the job into another state; throws LowrankError `job_transition` if it cannot go there. */
  move(to: JobState, fields: Fields = {}): void {
    const { id, state } = this.job;
    if (!transitions[state].includes(to)) {
      throw new LowrankError('job_transition', `job ${id} is ${state}: it cannot become ${to}`, {
        details: { job: id, from: state, to },
      });
    }
    this.set({ waiting: null, tryAfter: null, ...fields, state: to });
    if (isTerminal(to)) {
      this.end = to;
      this.set({ finishedAt: () => 'now()' });
    }
    if (to !== 'running') this.set({ workerId: null, heartbeatAt: null });
    // One that ran keeps its place among those that wait.
    if (to === 'queued' && state !== 'running') this.set({ queuedAt: () => 'now()' });
  }

  /** Puts the job back among those that wait, and into the queue when it may be tried again. */
  enqueue({ seconds, because }: RetryDelay = { seconds: 0 }): void {
    this.move('queued');
    this.delaySeconds = seconds;
    if (seconds > 0) this.set({ tryAfter: () => `now() + make_interval(secs => ${seconds})` });
    if (because) this.set({ waiting: { ...because, since: new Date().toISOString() } });
  }

  set(fields: Fields): void {
    this.fields = { ...this.fields, ...fields };
  }

  emit(...events: readonly NewEvent[]): void {
    this.events.push(...events);
  }

  /** Asks the job's worker to look at it now. */
  wakeWorker(): void {
    this.wakesWorker = true;
  }

  /** Writes everything down; true if there was anything. */
  async write(parts: JobsParts): Promise<boolean> {
    const { manager, job } = this;
    if (this.end !== undefined) {
      this.set({ resultFileId: await keepResults(manager, job) });
      await noteEnd(manager, job, this.end);
      this.emit(...trackerFileEvents(job));
    }
    if (this.end !== undefined || this.fields.state === 'running') await wakeTrackers(manager, job.id);
    const isChanged = Object.keys(this.fields).length > 0 || this.events.length > 0;
    if (isChanged) {
      await appendEvents(manager, job, this.events);
      await this.update();
    }
    if (this.delaySeconds !== undefined) await addToOutbox(manager, job.id, this.delaySeconds);
    if (isChanged) await parts.notifications.notify(manager, 'lowrank_job', job.id);
    if (this.wakesWorker) await parts.notifications.notify(manager, 'lowrank_control', job.id);
    return isChanged;
  }

  private async update(): Promise<void> {
    const { id, state, attempt, eventCount } = this.job;
    const { affected } = await this.manager
      .createQueryBuilder()
      .update(Job)
      .set({ ...this.fields, eventCount: eventCount + this.events.length })
      .where({ id, state, attempt })
      .execute();
    // The row is locked, so nothing else can have happened.
    if (affected !== 1)
      throw new LowrankError('internal_error', `job ${id} changed while its row was locked`);
  }
}

/** Numbers events after those that a job has and inserts them; the caller holds the job's row and raises its count. */
export async function appendEvents(
  manager: EntityManager,
  { id, eventCount }: Readonly<Pick<Job, 'id' | 'eventCount'>>,
  events: readonly NewEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ level, code, message, data, at }, i) => ({
    jobId: id,
    seq: eventCount + 1 + i,
    level,
    code,
    message,
    data: data ?? null,
    ...(at ? { createdAt: at } : {}),
  }));
  await manager
    .createQueryBuilder()
    .insert()
    .into(JobEvent)
    .values(rows as QueryDeepPartialEntity<JobEvent>[])
    .execute();
}

/** Asks for a place in the queue, from `delaySeconds` on. */
export async function addToOutbox(manager: EntityManager, jobId: string, delaySeconds = 0): Promise<void> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(Outbox)
    .values({ jobId, createdAt: () => `now() + make_interval(secs => ${delaySeconds})` })
    .execute();
}

/** A job with its row locked until the transaction ends; null if there is none. */
export async function lockJob(manager: EntityManager, jobId: string): Promise<Job | null> {
  return manager
    .createQueryBuilder(Job, 'job')
    .setLock('pessimistic_write')
    .where('job.id = :jobId', { jobId })
    .getOne();
}

/**
 * Changes a job in a transaction of its own, or in the one of a manager. `work` sees the job with its row locked and
 * says what becomes of it; what it returns is handed on with the job as it then is. Null if there is no such job.
 */
export async function changeJob<T>(
  parts: JobsParts,
  jobId: string,
  work: (change: JobChange) => T | Promise<T>,
  within?: EntityManager,
): Promise<{ readonly job: Job; readonly result: T } | null> {
  const run = async (manager: EntityManager) => {
    const job = await lockJob(manager, jobId);
    if (!job) return null;
    const change = new JobChange(manager, job);
    const result = await work(change);
    const isChanged = await change.write(parts);
    return { job: isChanged ? await manager.findOneByOrFail(Job, { id: jobId }) : job, result };
  };
  return within ? run(within) : parts.database.transaction(run);
}
