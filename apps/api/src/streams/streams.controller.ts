import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import {
  checkpointListQuery,
  checkpointPage,
  eventListQuery,
  eventPage,
  metricListQuery,
  metricPage,
} from '#contracts/http/streams.js';
import { objectId } from '#contracts/http/pages.js';
import { type Download, Downloading } from '../http/downloads.js';
import { Endpoint } from '../http/endpoint.js';
import { ProjectId } from '../keys/caller.js';
import { CheckpointArchives } from './checkpoint-archives.service.js';
import { HistoryService } from './history.service.js';
import { StreamsService } from './streams.service.js';

const lastEventId = {
  name: 'Last-Event-ID',
  required: false,
  description: 'Streams only: the id of the last event that arrived; the stream goes on after it',
};

@ApiTags('fine-tuning')
@Controller('v1/fine_tuning/jobs/:id')
export class StreamsController {
  constructor(
    @Inject(HistoryService) private readonly history: HistoryService,
    @Inject(StreamsService) private readonly streams: StreamsService,
    @Inject(CheckpointArchives) private readonly archives: CheckpointArchives,
  ) {}

  @Get('events')
  @ApiHeader(lastEventId)
  @Endpoint({ summary: 'List what happened to a job, or follow it as server-sent events', answer: eventPage })
  events(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: eventListQuery }) query: z.output<typeof eventListQuery>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    return query.stream
      ? this.streams.follow('events', project, id, request, response)
      : this.history.events(project, id, query);
  }

  @Get('metrics')
  @ApiHeader(lastEventId)
  @Endpoint({ summary: 'List what was measured, or follow it as server-sent events', answer: metricPage })
  metrics(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: metricListQuery }) query: z.output<typeof metricListQuery>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    return query.stream
      ? this.streams.follow('metrics', project, id, request, response)
      : this.history.metrics(project, id, query);
  }

  @Get('stream')
  @ApiHeader(lastEventId)
  @Endpoint({
    summary: 'Follow a job as server-sent events: `event`, `metric`, `job` and `progress`',
    produces: 'text/event-stream',
  })
  stream(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.streams.follow('all', project, id, request, response);
  }

  @Get('checkpoints')
  @Endpoint({ summary: 'List the checkpoints that are kept, newest first', answer: checkpointPage })
  checkpoints(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: checkpointListQuery }) query: z.output<typeof checkpointListQuery>,
  ) {
    return this.history.checkpoints(project, id, query);
  }

  @Get('checkpoints/:checkpoint/archive')
  @Endpoint({
    summary: 'Get the adapter as it was at a checkpoint, as one tar',
    produces: 'application/x-tar',
    isFile: true,
  })
  archive(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Param('checkpoint', { schema: objectId }) checkpoint: string,
    @Downloading() download: Download,
  ) {
    return this.archives.archive(project, id, checkpoint, download);
  }
}
