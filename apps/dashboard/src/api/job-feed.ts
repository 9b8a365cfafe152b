/** One job as the server tells it: nothing is lost or doubled when the connection breaks. */
import type { JobObject } from '#contracts/http/jobs.js';
import type { Page } from '#contracts/http/pages.js';
import type { EventObject, JobStreamMessage, MetricObject } from '#contracts/http/streams.js';
import { JobCurves } from '../charts/curves.js';
import { get, request, RequestError } from './http.js';
import { readEvents } from './sse.js';

export interface JobFeedState {
  readonly job: JobObject | null;
  readonly events: readonly EventObject[];
  /** Metrics with sample answers. */
  readonly samples: readonly MetricObject[];
  /** Always the same; `version` says when something was added. */
  readonly curves: JobCurves;
  readonly version: number;
  /** Steps that were read of those that the job had; null once the stream carries what comes. */
  readonly reading: { readonly done: number; readonly total: number } | null;
  readonly connection: 'open' | 'waiting' | 'ended';
  readonly error: RequestError | null;
}

const terminal = new Set(['succeeded', 'failed', 'cancelled']);
export const isOver = (job: Pick<JobObject, 'status'>) => terminal.has(job.status);

/** Pictures a second are enough for a curve, and leave the machine to the training. */
const tellEveryMs = 200;
const longestPauseMs = 5_000;
/** Few requests for a long history, and none that holds up the page while it is parsed. */
const metricsAtOnce = 5_000;

export class JobFeed {
  readonly curves = new JobCurves();
  state: JobFeedState = {
    job: null,
    events: [],
    samples: [],
    curves: this.curves,
    version: 0,
    reading: null,
    connection: 'waiting',
    error: null,
  };
  private readonly listeners = new Set<() => void>();
  private stopping = new AbortController();
  private job: JobObject | null = null;
  private events: readonly EventObject[] = [];
  private newEvents: EventObject[] = [];
  private samples: readonly MetricObject[] = [];
  private version = 0;
  private lastMetric = { seq: 0, id: '' };
  private lastEvent = 0;
  private hasHistory = false;
  private connection: JobFeedState['connection'] = 'waiting';
  private error: RequestError | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly id: string) {}

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  stop(): void {
    this.stopping.abort();
    clearTimeout(this.timer);
  }

  /** Shows what an action was answered with, before the stream tells it. */
  show(job: JobObject): void {
    this.job = job;
    this.tell();
  }

  /** Follows the job until it is over or `stop` is called; goes on from there when it is called again. */
  async run(): Promise<void> {
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    let pause = 250;
    while (!signal.aborted) {
      try {
        this.job ??= await get<JobObject>(this.path(), signal);
        if (!this.hasHistory) await this.readHistory(signal);
        // Events come with the stream from the first one on; metrics go on after the history.
        const headers = { 'last-event-id': `${this.lastEvent}-${this.lastMetric.seq}` };
        const { body } = await request(`${this.path()}/stream`, { signal, headers });
        this.connection = 'open';
        this.error = null;
        this.tell();
        // There is no body where nothing is left to tell.
        for await (const { event, data } of body ? readEvents(body) : []) {
          pause = 250;
          this.take({ event, data: JSON.parse(data) as unknown } as JobStreamMessage);
        }
        this.job = await get<JobObject>(this.path(), signal);
        if (isOver(this.job)) break;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof RequestError) this.error = error;
        if (error instanceof RequestError && error.status >= 400 && error.status < 500) break;
      }
      this.connection = 'waiting';
      this.tell();
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(longestPauseMs, pause * 2);
    }
    this.connection = 'ended';
    this.tell();
  }

  private path(): string {
    return `/v1/fine_tuning/jobs/${encodeURIComponent(this.id)}`;
  }

  /** Reads what was measured before in large pages, each asked for while the one before is taken in. */
  private async readHistory(signal: AbortSignal): Promise<void> {
    const page = (after: string) => {
      const query = new URLSearchParams({ limit: String(metricsAtOnce), ...(after && { after }) });
      return get<Page<MetricObject>>(`${this.path()}/metrics?${query}`, signal);
    };
    this.tell();
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
      this.tell();
    }
    this.hasHistory = true;
  }

  private take(message: JobStreamMessage): void {
    if (message.event === 'job') this.job = message.data;
    else if (message.event === 'progress') {
      const { status, position, ...progress } = message.data;
      if (this.job) this.job = { ...this.job, status, position, progress };
    } else if (message.event === 'metric') this.takeMetric(message.data);
    else if (message.event === 'event' && message.data.seq > this.lastEvent) {
      this.lastEvent = message.data.seq;
      this.newEvents.push(message.data);
    }
    this.tell();
  }

  private takeMetric(metric: MetricObject): void {
    if (metric.seq <= this.lastMetric.seq) return;
    this.lastMetric = metric;
    this.version++;
    if (metric.kind === 'samples') this.samples = [...this.samples, metric];
    else this.curves.add(metric);
  }

  private tell(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.newEvents.length > 0) this.events = [...this.events, ...this.newEvents];
      this.newEvents = [];
      const { job, events, samples, curves, version, connection, error } = this;
      const total = job?.progress.step ?? 0;
      const reading =
        this.hasHistory || !job ? null : { done: Math.min(curves.training.length, total), total };
      this.state = { job, events, samples, curves, version, reading, connection, error };
      for (const listener of this.listeners) listener();
    }, tellEveryMs);
  }
}
