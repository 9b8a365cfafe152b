import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { Page } from '#contracts/http/pages.js';
import type {
  checkpointListQuery,
  CheckpointObject,
  eventListQuery,
  EventObject,
  metricListQuery,
  MetricObject,
} from '#contracts/http/streams.js';
import { JobHistory, type SeqPage } from '#jobs/job-history.js';
import { Job } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { isCallers, notFound } from '../errors/api-error.js';
import { pageOfRows, unknownAfter } from '../http/keyset-page.js';
import { PLATFORM } from '../tokens.js';
import { seqOf, viewCheckpoint, viewEvent, viewMetric } from './history-view.js';

/** What happened to a job, in pages. */
@Injectable()
export class HistoryService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(JobHistory) private readonly history: JobHistory,
  ) {}

  async events(
    projectId: string,
    id: string,
    query: z.output<typeof eventListQuery>,
  ): Promise<Page<EventObject>> {
    await this.job(projectId, id);
    const { rows, hasMore } = await this.history.events(id, seqPage('ftevent', id, query));
    return pageOfRows(rows.map(viewEvent), hasMore);
  }

  async metrics(
    projectId: string,
    id: string,
    query: z.output<typeof metricListQuery>,
  ): Promise<Page<MetricObject>> {
    await this.job(projectId, id);
    const page = { ...seqPage('ftmetric', id, query), kind: query.kind };
    const { rows, hasMore } = await this.history.metrics(id, page);
    return pageOfRows(rows.map(viewMetric), hasMore);
  }

  async checkpoints(
    projectId: string,
    id: string,
    { limit, after }: z.output<typeof checkpointListQuery>,
  ): Promise<Page<CheckpointObject>> {
    const job = await this.job(projectId, id);
    try {
      const { rows, hasMore } = await this.history.checkpoints(id, { limit, after });
      return pageOfRows(
        rows.map((row) => viewCheckpoint(row, job)),
        hasMore,
      );
    } catch (error) {
      throw after !== undefined && isCallers(error) ? unknownAfter(after) : error;
    }
  }

  private async job(projectId: string, id: string): Promise<Job> {
    const job = await this.platform.database.manager.findOneBy(Job, { id, projectId });
    if (!job) throw notFound('fine-tuning job', id);
    return job;
  }
}

function seqPage(
  kind: 'ftevent' | 'ftmetric',
  jobId: string,
  { limit, after, order }: { limit: number; after?: string; order: 'asc' | 'desc' },
): SeqPage {
  const seq = after === undefined ? undefined : seqOf(kind, jobId, after);
  if (after !== undefined && seq === undefined) throw unknownAfter(after);
  return { limit, after: seq, order: order === 'asc' ? 'ascending' : 'descending' };
}
