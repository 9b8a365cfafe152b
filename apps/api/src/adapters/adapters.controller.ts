import { Controller, Delete, Get, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import type { z } from 'zod';
import { adapterImport, adapterListQuery, adapterObject, adapterPage } from '#contracts/http/adapters.js';
import { objectId, deleted } from '#contracts/http/pages.js';
import { type Download, Downloading } from '../http/downloads.js';
import { Endpoint } from '../http/endpoint.js';
import { UploadBody } from '../http/upload-body.js';
import { UntilGone } from '../http/until-gone.js';
import { ProjectId } from '../keys/caller.js';
import { AdapterImports } from './adapter-imports.service.js';
import { AdaptersService } from './adapters.service.js';

@ApiTags('adapters')
@Controller('v1/adapters')
export class AdaptersController {
  constructor(
    @Inject(AdaptersService) private readonly adapters: AdaptersService,
    @Inject(AdapterImports) private readonly imports: AdapterImports,
  ) {}

  @Post()
  @UploadBody(adapterImport)
  @Endpoint({
    summary: "Import a PEFT adapter's folder as .tar, .tar.gz or .zip, or a .safetensors of kohya's form",
    answer: adapterObject,
  })
  import(@ProjectId() project: string, @Req() request: Request, @UntilGone() untilGone: AbortSignal) {
    return this.imports.import(project, request, untilGone);
  }

  @Get()
  @Endpoint({ summary: 'List adapters, newest first', answer: adapterPage })
  list(
    @ProjectId() project: string,
    @Query({ schema: adapterListQuery }) query: z.output<typeof adapterListQuery>,
  ) {
    return this.adapters.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get an adapter and its manifest', answer: adapterObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.adapters.get(project, id);
  }

  @Get(':id/files/:name')
  @Endpoint({ summary: 'Get one file of an adapter', produces: 'application/octet-stream', isFile: true })
  file(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Param('name', { schema: objectId }) name: string,
    @Downloading() download: Download,
  ) {
    return this.adapters.file(project, id, name, download);
  }

  @Get(':id/archive')
  @Endpoint({
    summary: 'Get an adapter as one tar, always the same bytes',
    produces: 'application/x-tar',
    isFile: true,
  })
  archive(
    @ProjectId() project: string,
    @Param('id', { schema: objectId }) id: string,
    @Downloading() download: Download,
  ) {
    return this.adapters.archive(project, id, download);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Delete an adapter', answer: deleted })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.adapters.delete(project, id);
  }
}
