import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { jobCreate, type JobRequest } from '#contracts/http/job-create.js';
import { jobListQuery, jobObject, jobPage } from '#contracts/http/jobs.js';
import { deleted, objectId } from '#contracts/http/pages.js';
import type { Caller } from '#jobs/api-keys.js';
import { Endpoint } from '../http/endpoint.js';
import { IdempotencyKey, idempotencyHeader } from '../http/idempotency.js';
import { UntilGone } from '../http/until-gone.js';
import { ProjectId, RequestCaller } from '../keys/caller.js';
import { JobsService } from './jobs.service.js';

@ApiTags('fine-tuning')
@Controller('v1/fine_tuning/jobs')
export class JobsController {
  constructor(@Inject(JobsService) private readonly jobs: JobsService) {}

  @Post()
  @ApiHeader(idempotencyHeader)
  @Endpoint({ summary: 'Create a fine-tuning job', answer: jobObject })
  create(
    @RequestCaller() caller: Caller,
    @Body({ schema: jobCreate }) request: JobRequest,
    @UntilGone() untilGone: AbortSignal,
    @IdempotencyKey() key?: string,
  ) {
    return this.jobs.create(caller, request, untilGone, key);
  }

  @Get()
  @Endpoint({ summary: 'List jobs, newest first unless asked otherwise', answer: jobPage })
  list(@ProjectId() project: string, @Query({ schema: jobListQuery }) query: z.output<typeof jobListQuery>) {
    return this.jobs.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get a job: its state and how far it has come', answer: jobObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.jobs.get(project, id);
  }

  @Post(':id/cancel')
  @Endpoint({ summary: 'Cancel a job, at once or within seconds', answer: jobObject })
  cancel(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.jobs.cancel(project, id);
  }

  @Post(':id/pause')
  @Endpoint({ summary: 'Pause a job at a checkpoint', answer: jobObject })
  pause(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.jobs.pause(project, id);
  }

  @Post(':id/resume')
  @Endpoint({ summary: 'Let a paused job go on', answer: jobObject })
  resume(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.jobs.resume(project, id);
  }

  @Delete(':id')
  @Endpoint({
    summary: 'Delete a job that is over, with its checkpoints, results and events; its adapter stays',
    answer: deleted,
  })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.jobs.delete(project, id);
  }
}
