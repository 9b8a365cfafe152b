/** Fine-tuning jobs: made, followed, steered. */
import type { z } from 'zod';
import type { LowrankError } from '#base/errors.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import { type JobObject, jobObject, jobPage, type JobStatus } from '#contracts/http/jobs.js';
import type { Page } from '#contracts/http/pages.js';
import { type PlanObject, planObject } from '#contracts/http/plans.js';
import {
  type CheckpointObject,
  checkpointPage,
  type EventObject,
  eventPage,
  jobStreamEvents,
  type JobStreamMessage,
  jobStreamMessage,
  type MetricObject,
  metricObject,
  metricPage,
} from '#contracts/http/streams.js';
import type { Connection, CreateOptions } from './connection.js';
import { download, type DownloadOptions } from './download.js';
import { firstIssue, parseJson, unexpectedAnswer } from './errors.js';
import { type FollowOptions, followStream, type StreamEvent } from './event-stream.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';

const knownEvents: ReadonlySet<string> = new Set(jobStreamEvents);
const finalStates: ReadonlySet<JobStatus> = new Set(['succeeded', 'failed', 'cancelled']);

/** Whether nothing more happens to the job. */
export function isOver({ status }: Pick<JobObject, 'status'>): boolean {
  return finalStates.has(status);
}

interface JobQuery extends PageQuery {
  readonly status?: JobStatus;
  readonly order?: 'asc' | 'desc';
}

interface MetricQuery extends PageQuery {
  readonly kind?: MetricObject['kind'];
  readonly order?: 'asc' | 'desc';
}

const jobsPath = '/v1/fine_tuning/jobs';

export class JobsClient {
  constructor(private readonly connection: Connection) {}

  /** Makes a job; one only, however often the connection breaks. */
  async create(body: JobCreate, options: CreateOptions = {}): Promise<JobObject> {
    return this.connection.create(jobsPath, jobObject, body, options);
  }

  /** What the job would come to. Throws ApiError with everything that is wrong with it. */
  async plan(body: JobCreate, { signal }: ReadOptions = {}): Promise<PlanObject> {
    const request = { json: body, repeatable: true, signal };
    return this.connection.json('POST', '/v1/fine_tuning/plan', planObject, request);
  }

  async get(id: string, options: ReadOptions = {}): Promise<JobObject> {
    return this.connection.json('GET', pathOf(id), jobObject, options);
  }

  /** Newest first unless asked otherwise. */
  async page(query: JobQuery = {}, options: ReadOptions = {}): Promise<Page<JobObject>> {
    return readPage(this.connection, jobsPath, jobPage, query, options);
  }

  /** Newest first. */
  list(query: Omit<JobQuery, 'after'> = {}): AsyncGenerator<JobObject> {
    return eachOf(this.connection, jobsPath, jobPage, { ...query });
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

  /** In the order of the steps unless asked otherwise. */
  async metricsPage(
    id: string,
    query: MetricQuery = {},
    options: ReadOptions = {},
  ): Promise<Page<MetricObject>> {
    return readPage(this.connection, `${pathOf(id)}/metrics`, metricPage, query, options);
  }

  /** In the order of the steps. */
  metrics(id: string, query: { readonly kind?: MetricObject['kind'] } = {}): AsyncGenerator<MetricObject> {
    return eachOf(this.connection, `${pathOf(id)}/metrics`, metricPage, query);
  }

  /** Newest first. */
  async checkpointsPage(
    id: string,
    query: PageQuery = {},
    options: ReadOptions = {},
  ): Promise<Page<CheckpointObject>> {
    return readPage(this.connection, `${pathOf(id)}/checkpoints`, checkpointPage, query, options);
  }

  /** Newest first. */
  checkpoints(id: string): AsyncGenerator<CheckpointObject> {
    return eachOf(this.connection, `${pathOf(id)}/checkpoints`, checkpointPage, { limit: 100 });
  }

  /** The adapter of a checkpoint, as a tar file. */
  checkpointArchive(
    id: string,
    checkpoint: string,
    options: DownloadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const path = `${pathOf(id)}/checkpoints/${encodeURIComponent(checkpoint)}/archive`;
    return download(this.connection, path, options);
  }

  /**
   * Everything that happened to a job and goes on happening, each thing once and in order, until the job is over.
   *
   * Goes on where it stopped when the connection breaks. Throws ApiError, and `server_unreachable` if the server
   * stays away.
   */
  async *follow(id: string, options: FollowOptions = {}): AsyncGenerator<JobStreamMessage> {
    for await (const { event, data } of this.stream(id, 'stream', options)) {
      const parsed = jobStreamMessage.safeParse({ event, data: parseJson(data) });
      // A newer server may tell more.
      if (parsed.success) yield parsed.data;
      else if (knownEvents.has(event)) throw this.unexpected(event, parsed.error);
    }
  }

  /** The metrics of a job as they come, each once and in order, until the job is over. Throws as `follow` does. */
  async *followMetrics(id: string, options: FollowOptions = {}): AsyncGenerator<MetricObject> {
    for await (const { event, data } of this.stream(id, 'metrics?stream=true', options)) {
      const parsed = metricObject.safeParse(parseJson(data));
      if (!parsed.success) throw this.unexpected(event, parsed.error);
      yield parsed.data;
    }
  }

  private stream(id: string, what: string, options: FollowOptions): AsyncGenerator<StreamEvent> {
    const { signal } = options;
    const ended = async () => isOver(await this.get(id, { signal }));
    return followStream(this.connection, `${pathOf(id)}/${what}`, ended, options);
  }

  private unexpected(event: string, error: z.ZodError): LowrankError {
    return unexpectedAnswer(this.connection.url, `an event ${event}: ${firstIssue(error)}`, error);
  }

  private async act(id: string, what: 'cancel' | 'pause' | 'resume'): Promise<JobObject> {
    // Asking twice is like asking once.
    return this.connection.json('POST', `${pathOf(id)}/${what}`, jobObject, { repeatable: true });
  }
}

const pathOf = (id: string) => `${jobsPath}/${encodeURIComponent(id)}`;
