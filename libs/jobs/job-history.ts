/** What a job left behind: events, metrics, checkpoints. The caller has checked whose job it is. */
import type { DataSource, SelectQueryBuilder } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { JobEvent } from '#platform/database/entities/job-event.js';
import { Metric, type MetricKind } from '#platform/database/entities/metric.js';
import { readPage } from '#platform/database/read-page.js';

/** A page of rows that are numbered within their job. */
export interface SeqPage {
  /** At most 1,000; large rows make a smaller page. */
  readonly limit: number;
  /** Rows after this number in the direction of the page. */
  readonly after?: number;
  /** Default 'ascending'. */
  readonly order?: 'ascending' | 'descending';
}

export interface Page<T> {
  readonly rows: T[];
  readonly hasMore: boolean;
}

export class JobHistory {
  constructor(private readonly database: DataSource) {}

  async events(jobId: string, page: SeqPage): Promise<Page<JobEvent>> {
    const query = this.database.manager
      .createQueryBuilder(JobEvent, 'row')
      .where('row.jobId = :jobId', { jobId });
    return numberedPage(query, page);
  }

  async metrics(jobId: string, page: SeqPage & { readonly kind?: MetricKind }): Promise<Page<Metric>> {
    const query = this.database.manager
      .createQueryBuilder(Metric, 'row')
      .where('row.jobId = :jobId', { jobId });
    if (!page.kind) return numberedPage(query, page);
    return numberedPage(query.andWhere('row.kind = :kind', { kind: page.kind }), page, { isPart: true });
  }

  /**
   * Newest first; goes on after a checkpoint that is no longer kept, too. Throws LowrankError `checkpoint_not_found` if
   * `after` names none of the job.
   */
  async checkpoints(
    jobId: string,
    { limit, after }: { readonly limit: number; readonly after?: string },
  ): Promise<Page<Checkpoint>> {
    const query = this.database.manager
      .createQueryBuilder(Checkpoint, 'row')
      .where('row.jobId = :jobId', { jobId })
      .orderBy('row.step', 'DESC');
    if (after !== undefined) {
      const step = await this.stepOf(jobId, after);
      if (step === undefined) {
        throw new LowrankError('checkpoint_not_found', `job ${jobId} has no checkpoint ${after}`, {
          details: { job: jobId, checkpoint: after },
        });
      }
      query.andWhere('row.step < :step', { step });
    }
    return readPage(query, 'id', limit);
  }

  /** The step of a checkpoint that is kept, or was: the events of the job still tell. */
  private async stepOf(jobId: string, checkpoint: string): Promise<number | undefined> {
    const kept = await this.database.manager.findOneBy(Checkpoint, { id: checkpoint, jobId });
    if (kept) return kept.step;
    const [saved] = await this.database.query<{ step: number }[]>(
      `SELECT (data->>'step')::int AS step FROM job_event
       WHERE job_id = $1 AND code = 'checkpoint.saved' AND data->>'checkpoint' = $2`,
      [jobId, checkpoint],
    );
    return saved?.step;
  }
}

/**
 * The rows of a page in the order of their numbers. As a rule none is missing, and the numbers say where the page and the row
 * after it end: a database that has not counted the rows of a table since they came sorts all that follow. Where that
 * leaves nothing to come the rest is looked at, of which there is little then, or rows are missing.
 */
async function numberedPage<T extends { seq: number }>(
  query: SelectQueryBuilder<T>,
  { limit, after, order = 'ascending' }: SeqPage,
  { isPart = false }: { readonly isPart?: boolean } = {},
): Promise<Page<T>> {
  const isAscending = order === 'ascending';
  query.orderBy('row.seq', isAscending ? 'ASC' : 'DESC');
  if (after !== undefined) query.andWhere(`row.seq ${isAscending ? '>' : '<'} :after`, { after });
  if (!isPart && (isAscending || after !== undefined)) {
    const end = isAscending ? (after ?? 0) + limit + 1 : after! - limit - 1;
    const bounded = query.clone().andWhere(`row.seq ${isAscending ? '<=' : '>='} :end`, { end });
    const page = await readPage(bounded, 'seq', limit);
    if (page.hasMore) return page;
  }
  return readPage(query, 'seq', limit);
}
