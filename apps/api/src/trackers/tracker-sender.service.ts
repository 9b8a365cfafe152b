import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import { JobHistory } from '#jobs/job-history.js';
import { trackedRunOf } from '#jobs/trackers.js';
import { changeJob, isTerminal, type NewEvent } from '#jobs/transitions.js';
import { Job } from '#platform/database/entities/job.js';
import { TrackerRun } from '#platform/database/entities/tracker-run.js';
import type { Platform } from '#platform/platform.js';
import { trackerDeclaration } from '#trackers/declared/registry.js';
import { trackerServers } from '#trackers/registry.js';
import type { TrackerServer } from '#trackers/tracker-server.js';
import { scalarsOf, type Measured } from '#trackers/tracked-run.js';
import { PLATFORM } from '../tokens.js';
import { measuredAfter } from './measured.js';

/** Jobs told of at a time, and metrics read at a time. */
const batchSize = 10;
const pageRows = 200;
/** For one job; after the lease another process may go on with it. */
const roundMs = 40_000;
const leaseSeconds = 60;
/** Seconds until a job is looked at again that had something to tell, and that had nothing. */
const busySeconds = 3;
const idleSeconds = 15;
/** Seconds between tries; the last one again and again. */
const delays = [5, 15, 60, 300, 900];
/** After the end of a job its tracker is tried for so long. */
const patienceMs = 3 * 86_400_000;

/** Carries what jobs measure to the servers of trackers. Jobs wait for none of it: it is read from the database. */
@Injectable()
export class TrackerSender implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly database: DataSource;
  private readonly servers: ReadonlyMap<string, TrackerServer>;
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(JobHistory) private readonly history: JobHistory,
  ) {
    this.database = platform.database;
    this.servers = trackerServers(platform.configuration.trackers);
  }

  onApplicationBootstrap(): void {
    if (this.servers.size > 0) this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (this.stopping.signal.aborted) return;
    this.timer = setTimeout(() => {
      this.running = this.round()
        .catch((err: unknown) => this.platform.log.warn({ err }, 'trackers cannot be told yet'))
        .finally(() => this.schedule());
    }, 1000);
  }

  private async round(): Promise<void> {
    // Counted as a try first: nobody else tells of the job meanwhile, and a process that dies leaves it in doubt.
    const [claimed] = await this.database.query<[{ jobId: string; tracker: string }[], number]>(
      `UPDATE tracker_run SET tries = tries + 1, leased_until = now() + make_interval(secs => $2)
       WHERE (job_id, tracker) IN (SELECT job_id, tracker FROM tracker_run
         WHERE next_at <= now() AND (leased_until IS NULL OR leased_until <= now()) AND tracker = ANY ($3)
         ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING job_id AS "jobId", tracker`,
      [batchSize, leaseSeconds, [...this.servers.keys()]],
    );
    await Promise.all(claimed.map(async (key) => this.tell(key)));
  }

  private async tell(key: Pick<TrackerRun, 'jobId' | 'tracker'>): Promise<void> {
    const { manager } = this.database;
    const run = await manager.findOneBy(TrackerRun, key);
    const job = run && (await manager.findOne(Job, { where: { id: key.jobId }, withDeleted: true }));
    // A run that was begun for a job that is deleted is ended; one that was not is nobody's.
    if (!job || (job.deletedAt !== null && run.remoteId === null)) {
      await manager.delete(TrackerRun, key);
      return;
    }
    try {
      await this.send(run, job);
    } catch (error) {
      if (!this.stopping.signal.aborted) await this.noteProblem(run, job, error);
    }
  }

  private async send(run: TrackerRun, job: Job): Promise<void> {
    const { jobId, tracker } = run;
    const server = this.servers.get(tracker)!;
    const signal = AbortSignal.any([AbortSignal.timeout(roundMs), this.stopping.signal]);
    const { manager } = this.database;
    const key = { jobId, tracker };
    const remoteId = run.remoteId ?? (await this.begin(run, job, signal));
    // What became of the last try is not known here: the tracker knows.
    let position = run.tries > 1 ? await server.position(remoteId, signal) : run.position;
    const start = position;
    const until = Date.now() + roundMs / 2;
    while (Date.now() < until) {
      const measured = await measuredAfter(this.history, jobId, position, pageRows);
      if (measured.length === 0) {
        if (!isTerminal(job.state)) {
          const seconds = position > start ? busySeconds : idleSeconds;
          await manager.update(TrackerRun, key, { tries: 0, leasedUntil: null, nextAt: soon(seconds) });
          return;
        }
        await server.end(remoteId, trackedRunOf(job, tracker), signal);
        await manager.delete(TrackerRun, key);
        return;
      }
      for (const batch of batchesOf(measured, server.maxPoints)) await server.log(remoteId, batch, signal);
      position = measured.at(-1)!.seq;
      await manager.update(TrackerRun, key, { position });
    }
    // There is more, but others wait too.
    await manager.update(TrackerRun, key, { tries: 0, leasedUntil: null });
  }

  private async begin(run: TrackerRun, job: Job, signal: AbortSignal): Promise<string> {
    const { jobId, tracker } = run;
    const { id, address } = await this.servers.get(tracker)!.begin(trackedRunOf(job, tracker), signal);
    await this.emit(jobId, async (manager) => {
      await manager.update(TrackerRun, { jobId, tracker }, { remoteId: id });
      return {
        level: 'info',
        code: 'tracker.began',
        message: `${titleOf(tracker)} has the run: ${address}`,
        data: { tracker, run: id, address },
      };
    });
    return id;
  }

  private async noteProblem({ jobId, tracker, tries, problem }: TrackerRun, job: Job, error: unknown) {
    const message = (error instanceof Error ? error.message : String(error)).slice(0, 500);
    const isOver = job.finishedAt !== null && Date.now() - job.finishedAt.getTime() > patienceMs;
    const seconds = delays[Math.min(tries, delays.length) - 1]!;
    const title = titleOf(tracker);
    this.platform.log.warn({ job: jobId, tracker, problem: message }, 'a tracker was not told');
    const data = { tracker };
    const warn = (code: string, text: string): NewEvent => ({ level: 'warn', code, message: text, data });
    await this.emit(jobId, async (manager) => {
      if (isOver) {
        await manager.delete(TrackerRun, { jobId, tracker });
        return warn(
          'tracker.given_up',
          `${title} was not told of everything: ${message}; it is not tried again`,
        );
      }
      await manager.update(
        TrackerRun,
        { jobId, tracker },
        {
          problem: message,
          nextAt: soon(seconds),
          leasedUntil: null,
        },
      );
      if (problem !== null) return null;
      return warn(
        'tracker.failed',
        `${title} cannot be told of the job: ${message}; it is tried again, and the job goes on`,
      );
    });
  }

  /** In one transaction with an event, which a job that is deleted has no more. */
  private async emit(jobId: string, work: (manager: EntityManager) => Promise<NewEvent | null>) {
    const changed = await changeJob(this.platform, jobId, async (change) => {
      const event = await work(change.manager);
      if (event) change.emit(event);
    });
    if (!changed) await work(this.database.manager);
  }
}

const titleOf = (type: string) => trackerDeclaration(type)!.title;
const soon = (seconds: number) => () => `now() + make_interval(secs => ${seconds})`;

/** Runs of measurements that hold so many points at most. */
function* batchesOf(measured: readonly Measured[], maxPoints: number): Generator<Measured[]> {
  let batch: Measured[] = [];
  let points = 0;
  for (const each of measured) {
    const more = scalarsOf(each).length;
    if (points + more > maxPoints && batch.length > 0) {
      yield batch;
      batch = [];
      points = 0;
    }
    batch.push(each);
    points += more;
  }
  if (batch.length > 0) yield batch;
}
