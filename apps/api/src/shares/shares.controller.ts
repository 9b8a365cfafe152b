import { Body, Controller, Delete, Get, Header, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { objectId, deleted } from '#contracts/http/pages.js';
import {
  shareAccessList,
  shareCreate,
  shareListQuery,
  shareObject,
  sharePage,
  type ShareRequest,
} from '#contracts/http/shares.js';
import { Endpoint } from '../http/endpoint.js';
import { ProjectId } from '../keys/caller.js';
import { SharesService } from './shares.service.js';

@ApiTags('shares')
@Controller('v1/shares')
export class SharesController {
  constructor(@Inject(SharesService) private readonly shares: SharesService) {}

  @Post()
  @Header('cache-control', 'no-store')
  @Endpoint({ summary: 'Make a link to an adapter; its token is told once', answer: shareObject })
  create(@ProjectId() project: string, @Body({ schema: shareCreate }) request: ShareRequest) {
    return this.shares.create(project, request);
  }

  @Get()
  @Endpoint({ summary: 'List links, newest first, without their tokens', answer: sharePage })
  list(
    @ProjectId() project: string,
    @Query({ schema: shareListQuery }) query: z.output<typeof shareListQuery>,
  ) {
    return this.shares.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get a link and how often it was used', answer: shareObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.shares.get(project, id);
  }

  @Get(':id/accesses')
  @Endpoint({ summary: 'List the uses of a link, newest first', answer: shareAccessList })
  accesses(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.shares.accesses(project, id);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Revoke a link', answer: deleted })
  revoke(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.shares.revoke(project, id);
  }
}
