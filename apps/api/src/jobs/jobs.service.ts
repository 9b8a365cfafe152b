import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { JobRequest } from '#contracts/http/job-create.js';
import { type JobObject, type jobListQuery, metadataFilter } from '#contracts/http/jobs.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import type { Caller } from '#jobs/api-keys.js';
import { deleteJob } from '#jobs/deleted-jobs.js';
import { findAnswer } from '#jobs/idempotency.js';
import { JobStore } from '#jobs/job-store.js';
import type { MadeJob } from '#jobs/new-job.js';
import { OutboxRelay } from '#jobs/outbox.js';
import { Job } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { notFound } from '../errors/api-error.js';
import { digestOfRequest } from '../http/idempotency.js';
import { goOnAfter, pageOfRows } from '../http/keyset-page.js';
import { HubJobs } from '../models/hub-jobs.service.js';
import { PLATFORM } from '../tokens.js';
import { readJob, readJobPage } from './job-reads.js';
import { JobRequests } from './job-request.service.js';
import { viewJob } from './job-view.js';

/** Jobs: made, read, steered. */
@Injectable()
export class JobsService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(JobRequests) private readonly requests: JobRequests,
    @Inject(JobStore) private readonly store: JobStore,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(HubJobs) private readonly hub: HubJobs,
  ) {}

  async create(
    caller: Pick<Caller, 'projectId' | 'role'>,
    request: JobRequest,
    signal: AbortSignal,
    idempotencyKey?: string,
  ): Promise<JobObject> {
    const answer =
      idempotencyKey === undefined
        ? viewNewJob(
            await this.store.createJob(caller.projectId, await this.requests.check(caller, request, signal)),
          )
        : await this.createOnce(caller, request, signal, idempotencyKey);
    this.relay.wake();
    return answer;
  }

  /** By one query. */
  async get(projectId: string, id: string): Promise<JobObject> {
    const reading = await readJob(this.platform.database.manager, projectId, id);
    if (!reading) throw notFound('fine-tuning job', id);
    return viewJob(reading);
  }

  async list(projectId: string, query: z.output<typeof jobListQuery>): Promise<Page<JobObject>> {
    const { limit, after, order, status } = query;
    const direction = order === 'asc' ? 'ASC' : 'DESC';
    const owned = this.platform.database.manager
      .createQueryBuilder(Job, 'job')
      .where('job.projectId = :projectId', { projectId });
    const rows = owned.clone().orderBy('job.createdAt', direction).addOrderBy('job.id', direction);
    if (after !== undefined) await goOnAfter(rows, owned.withDeleted(), { after, order });
    if (status !== undefined) rows.andWhere('job.state = :status', { status });
    const metadata = metadataFilter(query);
    if (metadata === null) rows.andWhere('job.metadata IS NULL');
    else if (metadata !== undefined) {
      rows.andWhere('job.metadata @> :pairs::jsonb', { pairs: JSON.stringify(metadata) });
    }
    const { readings, hasMore } = await readJobPage(rows, limit);
    return pageOfRows(
      readings.map((reading) => viewJob(reading)),
      hasMore,
    );
  }

  async cancel(projectId: string, id: string): Promise<JobObject> {
    const job = await this.store.requestCancel(projectId, id);
    await this.hub.leave(job);
    return this.get(projectId, id);
  }

  async pause(projectId: string, id: string): Promise<JobObject> {
    await this.store.requestPause(projectId, id);
    return this.get(projectId, id);
  }

  async resume(projectId: string, id: string): Promise<JobObject> {
    await this.store.resumeJob(projectId, id);
    this.relay.wake();
    return this.get(projectId, id);
  }

  async delete(projectId: string, id: string): Promise<Deleted> {
    await deleteJob(this.platform, projectId, id);
    return { id, object: 'fine_tuning.job', deleted: true };
  }

  private async createOnce(
    caller: Pick<Caller, 'projectId' | 'role'>,
    request: JobRequest,
    signal: AbortSignal,
    key: string,
  ): Promise<JobObject> {
    const { projectId } = caller;
    const asked = { projectId, key, digest: digestOfRequest('POST /v1/fine_tuning/jobs', request) };
    // What was answered stays so, whatever became of its files since.
    const kept = await findAnswer(this.platform.database, asked);
    if (kept) return kept.body as unknown as JobObject;
    const job = await this.requests.check(caller, request, signal);
    const view = (made: MadeJob) => ({ ...viewNewJob(made) });
    const answer = await this.store.createJobOnce(projectId, job, { request: asked, view });
    return answer as unknown as JobObject;
  }
}

/** It has run no step that would tell how fast it is. */
const viewNewJob = (made: MadeJob): JobObject => viewJob({ ...made, secondsPerStep: null, loss: null });
