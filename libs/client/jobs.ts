/** Fine-tuning jobs: made, followed, steered. */
import type { z } from 'zod';
import type { LowrankError } from '#base/errors.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import { type JobObject, jobObject, jobPage } from '#contracts/http/jobs.js';
import { type Deleted, deleted } from '#contracts/http/pages.js';
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
import type { CreateOptions } from './connection.js';
import { download, type DownloadOptions } from './download.js';
import { firstIssue, parseJson, unexpectedAnswer } from './errors.js';
import { type FollowOptions, followStream, type StreamEvent } from './event-stream.js';
import { isOver, JobReader, jobsPath, type MetricQuery, pathOfJob } from './job-reader.js';
import { eachOf, type ReadOptions } from './pages.js';

const knownEvents: ReadonlySet<string> = new Set(jobStreamEvents);

export class JobsClient extends JobReader {
  /** Makes a job; one only, however often the connection breaks. */
  async create(body: JobCreate, options: CreateOptions = {}): Promise<JobObject> {
    return this.connection.create(jobsPath, jobObject, body, options);
  }

  /** What the job would come to. Throws ApiError with everything that is wrong with it. */
  async plan(body: JobCreate, { signal }: ReadOptions = {}): Promise<PlanObject> {
    const request = { json: body, repeatable: true, signal };
    return this.connection.json('POST', '/v1/fine_tuning/plan', planObject, request);
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

  /** One that is over, with its checkpoints, results and events; its adapter stays. */
  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOfJob(id), deleted);
  }

  /** First to last. */
  events(id: string): AsyncGenerator<EventObject> {
    return eachOf(this.connection, `${pathOfJob(id)}/events`, eventPage, { order: 'asc', limit: 1000 });
  }

  /** In the order of the steps. */
  metrics(id: string, query: Pick<MetricQuery, 'kind'> = {}): AsyncGenerator<MetricObject> {
    return eachOf(this.connection, `${pathOfJob(id)}/metrics`, metricPage, query);
  }

  /** Newest first. */
  checkpoints(id: string): AsyncGenerator<CheckpointObject> {
    return eachOf(this.connection, `${pathOfJob(id)}/checkpoints`, checkpointPage, { limit: 100 });
  }

  /** The adapter of a checkpoint, as a tar file. */
  checkpointArchive(
    id: string,
    checkpoint: string,
    options: DownloadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const path = `${pathOfJob(id)}/checkpoints/${encodeURIComponent(checkpoint)}/archive`;
    return download(this.connection, path, options);
  }

  /** Those with all of these entries in their metadata, newest first. */
  withMetadata(entries: Readonly<Record<string, string>>): AsyncGenerator<JobObject> {
    const query = Object.entries(entries).map(([name, value]) => [`metadata[${name}]`, value]);
    return eachOf(this.connection, jobsPath, jobPage, Object.fromEntries(query) as Record<string, string>);
  }

  /** What the job measured so far, as a tracker's file. */
  trackerFile(id: string, tracker: string, options: DownloadOptions = {}): AsyncGenerator<Uint8Array> {
    return download(this.connection, `${pathOfJob(id)}/trackers/${encodeURIComponent(tracker)}`, options);
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
    return followStream(this.connection, `${pathOfJob(id)}/${what}`, ended, options);
  }

  private unexpected(event: string, error: z.ZodError): LowrankError {
    return unexpectedAnswer(this.connection.url, `an event ${event}: ${firstIssue(error)}`, error);
  }

  private async act(id: string, what: 'cancel' | 'pause' | 'resume'): Promise<JobObject> {
    // Asking twice is like asking once.
    return this.connection.json('POST', `${pathOfJob(id)}/${what}`, jobObject, { repeatable: true });
  }
}
