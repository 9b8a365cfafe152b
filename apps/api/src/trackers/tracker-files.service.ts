import { Readable } from 'node:stream';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import { JobHistory } from '#jobs/job-history.js';
import { trackedRunOf } from '#jobs/trackers.js';
import { Job } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { trackerFiles } from '#trackers/declared/registry.js';
import { trackerOf } from '#trackers/registry.js';
import { notFound } from '../errors/api-error.js';
import { attachment } from '../http/attachment.js';
import { streamed } from '../http/streamed.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { PLATFORM } from '../tokens.js';
import { measuredUntil, newestOf } from './measured.js';

/** Runs as files of trackers, made of what the job has measured so far. */
@Injectable()
export class TrackerFiles {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(JobHistory) private readonly history: JobHistory,
  ) {}

  async file(
    projectId: string,
    id: string,
    type: string,
    response: Pick<Response, 'setHeader'>,
  ): Promise<StreamableFile> {
    const { manager } = this.platform.database;
    const job = await manager.findOneBy(Job, { id, projectId });
    if (!job) throw notFound('fine-tuning job', id);
    const { file } = trackerFiles.find((each) => each.type === type)!;
    const newest = await newestOf(this.history, id);
    // A client whose connection broke knows by it whether the rest is of the same file.
    response.setHeader('etag', `"${id}-${newest}-${job.state}"`);
    response.setHeader('cache-control', 'private, no-store');
    const measured = () => measuredUntil(this.history, id, newest);
    const content = trackerOf(type as (typeof trackerFiles)[number]['type']).write!(
      trackedRunOf(job, type),
      measured,
    );
    return streamed(Readable.from(content, { objectMode: false }), this.platform.log, {
      type: file.contentType,
      disposition: attachment(file.name({ id, createdAt: unixSeconds(job.createdAt) })),
    });
  }
}
