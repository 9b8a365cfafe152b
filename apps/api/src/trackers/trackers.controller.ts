import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { objectId } from '#contracts/http/pages.js';
import { trackerWithFile } from '#contracts/http/trackers.js';
import { Endpoint } from '../http/endpoint.js';
import { ProjectId } from '../keys/caller.js';
import { TrackerFiles } from './tracker-files.service.js';

@ApiTags('fine-tuning')
@Controller('v1/fine_tuning/jobs/:id/trackers')
export class TrackersController {
  constructor(@Inject(TrackerFiles) private readonly files: TrackerFiles) {}

  @Get(':tracker')
  @Endpoint({
    summary: 'Get what a job measured so far as a file of an experiment tracker',
    produces: 'application/octet-stream',
  })
  file(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Param('tracker', { schema: trackerWithFile }) tracker: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.files.file(project, id, tracker, response);
  }
}
