/** Fine-tuning jobs as they stand: one, or a page of them and of what they measured. */
import { type JobObject, jobObject, jobPage, type JobStatus } from '#contracts/http/jobs.js';
import type { Page } from '#contracts/http/pages.js';
import {
  type CheckpointObject,
  checkpointPage,
  type MetricObject,
  metricPage,
} from '#contracts/http/streams.js';
import type { Connection } from './connection.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';

const finalStates: ReadonlySet<JobStatus> = new Set(['succeeded', 'failed', 'cancelled']);

/** Whether nothing more happens to the job. */
export function isOver({ status }: Pick<JobObject, 'status'>): boolean {
  return finalStates.has(status);
}

export interface JobQuery extends PageQuery {
  readonly status?: JobStatus;
  readonly order?: 'asc' | 'desc';
}

export interface MetricQuery extends PageQuery {
  readonly kind?: MetricObject['kind'];
  readonly order?: 'asc' | 'desc';
}

export const jobsPath = '/v1/fine_tuning/jobs';

export class JobReader {
  constructor(protected readonly connection: Connection) {}

  async get(id: string, options: ReadOptions = {}): Promise<JobObject> {
    return this.connection.json('GET', pathOfJob(id), jobObject, options);
  }

  /** Newest first unless asked otherwise. */
  async page(query: JobQuery = {}, options: ReadOptions = {}): Promise<Page<JobObject>> {
    return readPage(this.connection, jobsPath, jobPage, query, options);
  }

  /** Newest first. */
  list(query: Omit<JobQuery, 'after'> = {}): AsyncGenerator<JobObject> {
    return eachOf(this.connection, jobsPath, jobPage, { ...query });
  }

  /** In the order of the steps unless asked otherwise. */
  async metricsPage(
    id: string,
    query: MetricQuery = {},
    options: ReadOptions = {},
  ): Promise<Page<MetricObject>> {
    return readPage(this.connection, `${pathOfJob(id)}/metrics`, metricPage, query, options);
  }

  /** Newest first. */
  async checkpointsPage(
    id: string,
    query: PageQuery = {},
    options: ReadOptions = {},
  ): Promise<Page<CheckpointObject>> {
    return readPage(this.connection, `${pathOfJob(id)}/checkpoints`, checkpointPage, query, options);
  }
}

export const pathOfJob = (id: string) => `${jobsPath}/${encodeURIComponent(id)}`;
