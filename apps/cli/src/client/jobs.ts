/** Fine-tuning jobs: made, followed, steered. */
import { randomUUID } from 'node:crypto';
import { type JobObject, jobObject, jobPage, type JobStatus } from '#contracts/http/jobs.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import { type PlanObject, planObject } from '#contracts/http/plans.js';
import {
  type CheckpointObject,
  checkpointPage,
  type EventObject,
  eventPage,
  type JobStreamMessage,
  jobStreamMessage,
  type MetricObject,
  metricObject,
  metricPage,
} from '#contracts/http/streams.js';
import type { LowrankError } from '#base/errors.js';
import type { Connection } from './connection.js';
import { unexpectedAnswer } from './errors.js';
import { type FollowOptions, followStream, type StreamEvent } from './event-stream.js';
import { eachOf } from './pages.js';

const knownEvents: ReadonlySet<string> = new Set(
  jobStreamMessage.options.map(({ shape }) => shape.event.value),
);
const terminal: ReadonlySet<JobStatus> = new Set(['succeeded', 'failed', 'cancelled']);

/** Whether nothing more happens to the job. */
export function isOver({ status }: Pick<JobObject, 'status'>): boolean {
  return terminal.has(status);
}

export class JobsClient {
  constructor(private readonly connection: Connection) {}

  /**
   * Makes a job. With the same `idempotencyKey` again it is the same job; one is made up unless given, so that a
   * connection that breaks makes no second one.
   */
  async create(
    body: JobCreate,
    options: { readonly idempotencyKey?: string; readonly signal?: AbortSignal } = {},
  ): Promise<JobObject> {
    const headers = { 'idempotency-key': options.idempotencyKey ?? randomUUID() };
    const request = { json: body, headers, repeatable: true, signal: options.signal };
    return this.connection.json('POST', '/v1/fine_tuning/jobs', jobObject, request);
  }

  /** What the job would come to. Throws ApiError with everything that is wrong with it. */
  async plan(body: JobCreate, options: { readonly signal?: AbortSignal } = {}): Promise<PlanObject> {
    const request = { json: body, repeatable: true, signal: options.signal };
    return this.connection.json('POST', '/v1/fine_tuning/plan', planObject, request);
  }

  async get(id: string): Promise<JobObject> {
    return this.connection.json('GET', pathOf(id), jobObject);
  }

  /** Newest first. */
  list(query: { readonly status?: JobStatus } = {}): AsyncGenerator<JobObject> {
    return eachOf(this.connection, '/v1/fine_tuning/jobs', jobPage, query);
  }

  async cancel(id: string): Promise<JobObject> {
    return this.act(id, 'cancel');
  }

  async pause(id: string): Promise<JobObject> {
    return this.act(id, 'pause');
  }

  async resume(id: string): Promise<JobObject> {
    return this.act(id, 'resume');
  }

  /** First to last. */
  events(id: string): AsyncGenerator<EventObject> {
    return eachOf(this.connection, `${pathOf(id)}/events`, eventPage, { order: 'asc', limit: 1000 });
  }

  /** In the order of the steps. */
  metrics(id: string, query: { readonly kind?: MetricObject['kind'] } = {}): AsyncGenerator<MetricObject> {
    return eachOf(this.connection, `${pathOf(id)}/metrics`, metricPage, query);
  }

  /** Newest first. */
  checkpoints(id: string): AsyncGenerator<CheckpointObject> {
    return eachOf(this.connection, `${pathOf(id)}/checkpoints`, checkpointPage, { limit: 100 });
  }

  /**
   * Everything that happened to a job and goes on happening, each thing once and in order, until the job is over.
   *
   * Goes on where it stopped when the connection breaks. Throws ApiError, and `server_unreachable` if the server
   * stays away.
   */
  async *follow(id: string, options: FollowOptions = {}): AsyncGenerator<JobStreamMessage> {
    for await (const { event, data } of this.stream(id, 'stream', options)) {
      const parsed = jobStreamMessage.safeParse({ event, data: jsonOf(data) });
      // A newer server may tell more.
      if (parsed.success) yield parsed.data;
      else if (knownEvents.has(event)) throw this.unexpected(event, parsed.error);
    }
  }

  /** The metrics of a job as they come, each once and in order, until the job is over. Throws as `follow` does. */
  async *followMetrics(id: string, options: FollowOptions = {}): AsyncGenerator<MetricObject> {
    for await (const { event, data } of this.stream(id, 'metrics?stream=true', options)) {
      const parsed = metricObject.safeParse(jsonOf(data));
      if (!parsed.success) throw this.unexpected(event, parsed.error);
      yield parsed.data;
    }
  }

  private stream(id: string, what: string, options: FollowOptions): AsyncGenerator<StreamEvent> {
    const ended = async () => isOver(await this.get(id));
    return followStream(this.connection, `${pathOf(id)}/${what}`, ended, options);
  }

  private unexpected(event: string, error: Error): LowrankError {
    return unexpectedAnswer(this.connection.url, `an event ${event}: ${error.message}`, error);
  }

  private async act(id: string, what: 'cancel' | 'pause' | 'resume'): Promise<JobObject> {
    // Asking twice is like asking once.
    return this.connection.json('POST', `${pathOf(id)}/${what}`, jobObject, { repeatable: true });
  }
}

const pathOf = (id: string) => `/v1/fine_tuning/jobs/${encodeURIComponent(id)}`;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
