import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import {
  exportCreate,
  exportListQuery,
  exportObject,
  exportPage,
  type ExportRequest,
} from '#contracts/http/compositions.js';
import { deleted, filePath, objectId } from '#contracts/http/pages.js';
import { type Download, Downloading } from '../http/downloads.js';
import { Endpoint } from '../http/endpoint.js';
import { IdempotencyKey, idempotencyHeader } from '../http/idempotency.js';
import { UntilGone } from '../http/until-gone.js';
import { ProjectId } from '../keys/caller.js';
import { ExportsService } from './exports.service.js';

@ApiTags('exports')
@Controller('v1/exports')
export class ExportsController {
  constructor(@Inject(ExportsService) private readonly exports: ExportsService) {}

  @Post()
  @ApiHeader(idempotencyHeader)
  @Endpoint({
    summary: 'Merge an adapter into its base model, or write it in another format, in the background',
    answer: exportObject,
  })
  create(
    @ProjectId() project: string,
    @Body({ schema: exportCreate }) request: ExportRequest,
    @UntilGone() untilGone: AbortSignal,
    @IdempotencyKey() key?: string,
  ) {
    return this.exports.create(project, request, untilGone, key);
  }

  @Get()
  @Endpoint({ summary: 'List exports, newest first', answer: exportPage })
  list(
    @ProjectId() project: string,
    @Query({ schema: exportListQuery }) query: z.output<typeof exportListQuery>,
  ) {
    return this.exports.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get an export: how far it is, and its files', answer: exportObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.exports.resource.get(project, id);
  }

  @Get(':id/files/*name')
  @Endpoint({
    summary: 'Get one file of an export, by its name with its folder if it lies in one',
    produces: 'application/octet-stream',
    isFile: true,
  })
  file(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Param('name', { schema: filePath }) name: string,
    @Downloading() download: Download,
  ) {
    return this.exports.file(project, id, name, download);
  }

  @Post(':id/cancel')
  @Endpoint({ summary: 'Stop an export that waits or runs', answer: exportObject })
  cancel(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.exports.resource.cancel(project, id);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Delete an export, or stop it', answer: deleted })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.exports.resource.delete(project, id);
  }
}
