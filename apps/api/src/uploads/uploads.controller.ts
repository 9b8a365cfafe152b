import { Body, Controller, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { objectId } from '#contracts/http/pages.js';
import {
  type UploadComplete,
  uploadComplete,
  type UploadCreate,
  uploadCreate,
  uploadObject,
  uploadPartForm,
  uploadPartObject,
} from '#contracts/http/uploads.js';
import { Endpoint } from '../http/endpoint.js';
import { UntilGone } from '../http/until-gone.js';
import { UploadBody } from '../http/upload-body.js';
import { ProjectId } from '../keys/caller.js';
import { UploadsService } from './uploads.service.js';

@ApiTags('uploads')
@Controller('v1/uploads')
export class UploadsController {
  constructor(@Inject(UploadsService) private readonly uploads: UploadsService) {}

  @Post()
  @Endpoint({ summary: 'Begin a file that comes in parts', answer: uploadObject })
  create(@ProjectId() project: string, @Body({ schema: uploadCreate }) request: UploadCreate) {
    return this.uploads.create(project, request);
  }

  @Post(':id/parts')
  @UploadBody(uploadPartForm)
  @Endpoint({ summary: 'Send a part, at most 64 MB; parts may come in any order', answer: uploadPartObject })
  addPart(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Req() request: Request,
  ) {
    return this.uploads.addPart(project, id, request);
  }

  @Post(':id/complete')
  @Endpoint({
    summary: 'Make a file of the parts; it is checked as one that came whole',
    answer: uploadObject,
  })
  complete(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Body({ schema: uploadComplete }) request: UploadComplete,
    @UntilGone() untilGone: AbortSignal,
  ) {
    return this.uploads.complete(project, id, request, untilGone);
  }

  @Post(':id/cancel')
  @Endpoint({ summary: 'Give an upload up; its parts go', answer: uploadObject })
  cancel(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.uploads.cancel(project, id);
  }
}
