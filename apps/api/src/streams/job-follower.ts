/** Everything that happens to one job from some point on, as the text of server-sent events. */
import type { DataSource } from 'typeorm';
import type { JobObject } from '#contracts/http/jobs.js';
import { JobHistory } from '#jobs/job-history.js';
import { isTerminal } from '#jobs/transitions.js';
import { Job, type JobState } from '#platform/database/entities/job.js';
import { readJob } from '../jobs/job-reads.js';
import { viewJob } from '../jobs/job-view.js';
import { type Cursor, cursorId } from './cursor.js';
import { viewEvent, viewMetric } from './history-view.js';
import type { Watch } from './job-wakes.js';
import { frame, heartbeat } from './sse.js';

export interface FollowOptions {
  readonly database: DataSource;
  readonly projectId: string;
  readonly jobId: string;
  readonly from: Cursor;
  readonly watch: Watch;
  readonly signal: AbortSignal;
  /** Told of a read that failed; the follower tries again. */
  readonly onError: (error: unknown) => void;
}

const rowsAtOnce = 500;
/** Looks without being woken, in case a notification was lost. */
const pollMs = 5_000;
const heartbeatMs = 15_000;
const retryMs = 1_000;
/** How long the database may be away before the connection is given up. */
const patienceMs = 60_000;

/** Ends after the last event of a job in a terminal state, or when the signal aborts. */
export async function* followJob(options: FollowOptions): AsyncGenerator<string> {
  const { watch, signal } = options;
  const reader = new JobReader(options);
  let sentAt = performance.now();
  let readAt = sentAt;
  yield heartbeat;
  while (!signal.aborted) {
    await watch.next(pollMs, signal);
    try {
      for (;;) {
        const { frames, isMore } = await reader.read();
        readAt = performance.now();
        if (frames !== '') {
          yield frames;
          sentAt = performance.now();
        }
        if (!isMore || signal.aborted) break;
      }
      if (reader.isOver) return;
    } catch (error) {
      if (performance.now() - readAt > patienceMs) throw error;
      options.onError(error);
      await watch.next(retryMs, signal);
      watch.wake();
    }
    if (performance.now() - sentAt > heartbeatMs) {
      yield heartbeat;
      sentAt = performance.now();
    }
  }
}

class JobReader {
  isOver = false;
  private cursor: Cursor;
  private readonly history: JobHistory;
  private shownJob = '';
  private shownProgress = '';

  constructor(private readonly options: FollowOptions) {
    this.cursor = options.from;
    this.history = new JobHistory(options.database);
  }

  async read(): Promise<{ frames: string; isMore: boolean }> {
    // Before the rest: what a finished job left is then all there.
    const now = await this.readState();
    if (!now) {
      this.isOver = true;
      return { frames: '', isMore: false };
    }
    const metrics = await this.readMetrics();
    const events = await this.readEvents(now.eventCount);
    const isMore = metrics.isMore || events.isMore;
    this.isOver = !isMore && isTerminal(now.state);
    const job = now.view && !isMore ? this.jobFrames(now.view) : '';
    return { frames: metrics.frames + job + events.frames, isMore };
  }

  private get isWhole(): boolean {
    return this.cursor.event !== null && this.cursor.metric !== null;
  }

  /** Only a stream of everything shows the job itself. */
  private async readState(): Promise<{ state: JobState; eventCount: number; view?: JobObject } | null> {
    const { database, projectId, jobId } = this.options;
    if (!this.isWhole) {
      const select = { id: true, state: true, eventCount: true } as const;
      return database.manager.findOne(Job, { select, where: { id: jobId, projectId } });
    }
    const reading = await readJob(database, projectId, jobId);
    return reading
      ? { state: reading.job.state, eventCount: reading.job.eventCount, view: viewJob(reading) }
      : null;
  }

  private async readMetrics() {
    const { metric: after } = this.cursor;
    if (after === null) return { frames: '', isMore: false };
    const { rows, hasMore } = await this.history.metrics(this.options.jobId, { after, limit: rowsAtOnce });
    const frames = rows.map((row) => {
      this.cursor = { ...this.cursor, metric: row.seq };
      return this.frame('metric', viewMetric(row));
    });
    return { frames: frames.join(''), isMore: hasMore };
  }

  private async readEvents(count: number) {
    const { event: after } = this.cursor;
    if (after === null || after >= count) return { frames: '', isMore: false };
    const { rows, hasMore } = await this.history.events(this.options.jobId, { after, limit: rowsAtOnce });
    const frames = rows.map((row) => {
      this.cursor = { ...this.cursor, event: row.seq };
      return this.frame('event', viewEvent(row));
    });
    return { frames: frames.join(''), isMore: hasMore };
  }

  /** The whole job when it is another one in more than its progress; its progress when that is another. */
  private jobFrames(job: JobObject): string {
    const { status, attempt, cancel_requested, pause_requested, adapter, plan, progress, position, waiting } =
      job;
    const shown = JSON.stringify([
      status,
      attempt,
      cancel_requested,
      pause_requested,
      adapter,
      plan === null,
      waiting?.code,
      waiting?.message,
    ]);
    const shownProgress = JSON.stringify([progress, position]);
    const isNew = shown !== this.shownJob;
    const isFurther = shownProgress !== this.shownProgress;
    this.shownJob = shown;
    this.shownProgress = shownProgress;
    if (isNew) return frame({ event: 'job', data: job });
    return isFurther ? frame({ event: 'progress', data: { status, position, ...progress } }) : '';
  }

  /** A stream of one kind needs no names for its events: EventSource hands them to `onmessage`. */
  private frame(event: 'event' | 'metric', data: unknown): string {
    return frame({ event: this.isWhole ? event : undefined, id: cursorId(this.cursor), data });
  }
}
