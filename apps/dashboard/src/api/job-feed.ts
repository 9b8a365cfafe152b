/** One job as its stream tells it: nothing is lost or doubled when the connection breaks. */
import type { JobObject } from '#contracts/http/jobs.js';
import type { EventObject, JobStreamMessage, MetricObject } from '#contracts/http/streams.js';
import { get, request, RequestError } from './http.js';
import { readEvents } from './sse.js';

export interface JobFeedState {
  readonly job: JobObject | null;
  readonly events: readonly EventObject[];
  readonly metrics: readonly MetricObject[];
  readonly connection: 'open' | 'waiting' | 'ended';
  readonly error: RequestError | null;
}

const terminal = new Set(['succeeded', 'failed', 'cancelled']);
export const isOver = (job: Pick<JobObject, 'status'>) => terminal.has(job.status);

/** Pictures a second are enough for a curve, and leave the machine to the training. */
const tellEveryMs = 200;
const longestPauseMs = 5_000;

export class JobFeed {
  state: JobFeedState = { job: null, events: [], metrics: [], connection: 'waiting', error: null };
  private readonly events: EventObject[] = [];
  private readonly metrics: MetricObject[] = [];
  private readonly listeners = new Set<() => void>();
  private readonly stopping = new AbortController();
  private job: JobObject | null = null;
  private connection: JobFeedState['connection'] = 'waiting';
  private error: RequestError | null = null;
  private lastId: string | null = null;
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

  /** Follows the job until it is over or `stop` is called. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    let pause = 250;
    while (!signal.aborted) {
      try {
        this.job ??= await get<JobObject>(this.path(), signal);
        const headers = this.lastId === null ? undefined : { 'last-event-id': this.lastId };
        const { body } = await request(`${this.path()}/stream`, { signal, headers });
        this.connection = 'open';
        this.error = null;
        this.tell();
        for await (const { event, id, data } of readEvents(body!)) {
          pause = 250;
          if (id !== null) this.lastId = id;
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

  private take(message: JobStreamMessage): void {
    if (message.event === 'job') this.job = message.data;
    else if (message.event === 'progress') {
      const { status, position, ...progress } = message.data;
      if (this.job) this.job = { ...this.job, status, position, progress };
    } else if (message.event === 'metric') append(this.metrics, message.data);
    else append(this.events, message.data);
    this.tell();
  }

  private tell(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const { job, connection, error } = this;
      this.state = { job, connection, error, events: [...this.events], metrics: [...this.metrics] };
      for (const listener of this.listeners) listener();
    }, tellEveryMs);
  }
}

/** Keeps a list in order and free of what came before. */
function append<T extends { readonly seq: number }>(list: T[], item: T): void {
  if (item.seq > (list.at(-1)?.seq ?? 0)) list.push(item);
}
