import { Controller, Delete, Get, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import type { z } from 'zod';
import { fileListQuery, fileObject, filePage, fileUpload } from '#contracts/http/files.js';
import { objectId, deleted } from '#contracts/http/pages.js';
import { type Download, Downloading } from '../http/downloads.js';
import { Endpoint } from '../http/endpoint.js';
import { IdempotencyKey, idempotencyHeader } from '../http/idempotency.js';
import { UploadBody } from '../http/upload-body.js';
import { UntilGone } from '../http/until-gone.js';
import { ProjectId } from '../keys/caller.js';
import { FilesService } from './files.service.js';

@ApiTags('files')
@Controller('v1/files')
export class FilesController {
  constructor(@Inject(FilesService) private readonly files: FilesService) {}

  @Post()
  @ApiHeader(idempotencyHeader)
  @UploadBody(fileUpload)
  @Endpoint({ summary: 'Upload a training file; it is checked line by line', answer: fileObject })
  upload(
    @ProjectId() project: string,
    @Req() request: Request,
    @UntilGone() untilGone: AbortSignal,
    @IdempotencyKey() key?: string,
  ) {
    return this.files.upload(project, request, untilGone, key);
  }

  @Get()
  @Endpoint({ summary: 'List files, newest first', answer: filePage })
  list(
    @ProjectId() project: string,
    @Query({ schema: fileListQuery }) query: z.output<typeof fileListQuery>,
  ) {
    return this.files.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get a file', answer: fileObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.files.get(project, id);
  }

  @Get(':id/content')
  @Endpoint({ summary: 'Get the content of a file', produces: 'application/octet-stream', isFile: true })
  content(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Downloading() download: Download,
  ) {
    return this.files.content(project, id, download);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Delete a file; jobs that use it keep it until they end', answer: deleted })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.files.delete(project, id);
  }
}
