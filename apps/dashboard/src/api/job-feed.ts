/** One job as the server tells it: nothing is lost or doubled when the connection breaks. */
import { waitFor } from '#base/wait.js';
import { isTemporary } from '#client/errors.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { EventObject, JobStreamMessage, MetricObject } from '#contracts/http/streams.js';
import { JobCurves } from '../charts/curves.js';
import { jobsClient } from './jobs-client.js';

export type EvaluationMetric = Extract<MetricObject, { kind: 'evaluation' }>;
export type SampleMetric = Extract<MetricObject, { kind: 'samples' }>;

export interface JobFeedState {
  readonly events: readonly EventObject[];
  readonly samples: readonly SampleMetric[];
  /** The last one that was measured. */
  readonly evaluation: EvaluationMetric | null;
  /** Always the same; `version` says when something was added. */
  readonly curves: JobCurves;
  readonly version: number;
  /** Steps that were read of those that the job had; null once the stream carries what comes. */
  readonly reading: { readonly done: number; readonly total: number } | null;
  readonly connection: 'open' | 'lost' | 'ended';
  readonly error: Error | null;
}

/** Told a few times a second at most. */
export interface JobListener {
  readonly onJob: (job: JobObject) => void;
  readonly onCheckpoints: () => void;
}

export type JobAction = 'pause' | 'resume' | 'cancel';

/** A few updates a second are enough to watch, and leave the processor to the training. */
const emitEveryMs = 200;
const retryEveryMs = 2_000;
/** Few requests for a long history, and none that holds up the page while it is parsed. */
const metricsAtOnce = 5_000;

export class JobFeed {
  readonly curves = new JobCurves();
  state: JobFeedState = {
    events: [],
    samples: [],
    evaluation: null,
    curves: this.curves,
    version: 0,
    reading: null,
    connection: 'open',
    error: null,
  };
  private readonly listeners = new Set<() => void>();
  private stopping = new AbortController();
  private job: JobObject | null = null;
  private emittedJob: JobObject | null = null;
  /** How often the stream has told of the job itself. */
  private jobMessages = 0;
  private hasNewCheckpoints = false;
  private events: readonly EventObject[] = [];
  private newEvents: EventObject[] = [];
  private samples: readonly SampleMetric[] = [];
  private evaluation: EvaluationMetric | null = null;
  private version = 0;
  private lastMetric = { seq: 0, id: '' };
  private lastEvent = 0;
  private hasHistory = false;
  private connection: JobFeedState['connection'] = 'open';
  private error: Error | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly id: string,
    private readonly listener: JobListener,
  ) {}

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  stop(): void {
    this.stopping.abort();
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Asks something of the job and shows the answer, unless the stream has told of the job meanwhile, which may be newer. */
  async act(action: JobAction): Promise<void> {
    const before = this.jobMessages;
    const job = await jobsClient[action](this.id);
    if (this.jobMessages === before) this.show(job);
  }

  /** Follows the job until it is over or `stop` is called; goes on from there when it is called again. */
  async run(): Promise<void> {
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    for (;;) {
      try {
        await this.follow(signal);
        break;
      } catch (error) {
        if (signal.aborted) return;
        this.error = error as Error;
        if (!isTemporary(error)) break;
        this.connection = 'lost';
        this.emit();
      }
      await waitFor(retryEveryMs, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
    this.connection = 'ended';
    this.emit();
  }

  private async follow(signal: AbortSignal): Promise<void> {
    this.show(await jobsClient.get(this.id, { signal }));
    if (!this.hasHistory) await this.readHistory(signal);
    const stream = jobsClient.follow(this.id, {
      // Events come with the stream from the first one on; metrics go on after the history.
      after: `${this.lastEvent}-${this.lastMetric.seq}`,
      signal,
      patienceSeconds: Infinity,
      onBreak: () => {
        this.connection = 'lost';
        this.emit();
      },
    });
    for await (const message of stream) {
      this.connection = 'open';
      this.error = null;
      this.take(message);
    }
    this.show(await jobsClient.get(this.id, { signal }));
  }

  /** Reads what was measured before in large pages, each asked for while the one before is taken in. */
  private async readHistory(signal: AbortSignal): Promise<void> {
    const page = (after: string) =>
      jobsClient.metricsPage(this.id, { limit: metricsAtOnce, ...(after && { after }) }, { signal });
    this.emit();
    let coming = page(this.lastMetric.id);
    for (let hasMore = true; hasMore;) {
      const { data, has_more, last_id } = await coming;
      hasMore = has_more;
      if (has_more) {
        coming = page(last_id!);
        // It is waited for only after the loop below.
        coming.catch(() => undefined);
      }
      for (const metric of data) this.takeMetric(metric);
      this.emit();
    }
    this.hasHistory = true;
  }

  private show(job: JobObject): void {
    this.job = job;
    this.error = null;
    this.emit();
  }

  private take(message: JobStreamMessage): void {
    if (message.event === 'job') {
      this.jobMessages++;
      this.job = message.data;
    } else if (message.event === 'progress') {
      const { status, position, ...progress } = message.data;
      if (this.job) this.job = { ...this.job, status, position, progress };
    } else if (message.event === 'metric') this.takeMetric(message.data);
    else if (message.data.seq > this.lastEvent) {
      this.lastEvent = message.data.seq;
      this.newEvents.push(message.data);
      this.hasNewCheckpoints ||= message.data.code.startsWith('checkpoint.');
    }
    this.emit();
  }

  private takeMetric(metric: MetricObject): void {
    if (metric.seq <= this.lastMetric.seq) return;
    this.lastMetric = metric;
    this.version++;
    if (metric.kind === 'samples') this.samples = [...this.samples, metric];
    else this.curves.add(metric);
    if (metric.kind === 'evaluation') this.evaluation = metric;
  }

  private emit(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.newEvents.length > 0) this.events = [...this.events, ...this.newEvents];
      this.newEvents = [];
      this.emitToListener();
      const { job, events, samples, evaluation, curves, version, connection, error } = this;
      const total = job?.progress.step ?? 0;
      const reading =
        this.hasHistory || !job ? null : { done: Math.min(curves.training.length, total), total };
      this.state = { events, samples, evaluation, curves, version, reading, connection, error };
      for (const listener of this.listeners) listener();
    }, emitEveryMs);
  }

  private emitToListener(): void {
    const { job, emittedJob } = this;
    // Old checkpoints may go when a job ends.
    const isAtEnd = emittedJob !== null && emittedJob.status !== job?.status;
    if (this.hasNewCheckpoints || isAtEnd) this.listener.onCheckpoints();
    this.hasNewCheckpoints = false;
    if (job && job !== emittedJob) this.listener.onJob(job);
    this.emittedJob = job;
  }
}
