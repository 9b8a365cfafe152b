import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { deleted, objectId } from '#contracts/http/pages.js';
import { pushCreate, pushListQuery, pushObject, pushPage, type PushRequest } from '#contracts/http/pushes.js';
import type { Caller } from '#jobs/api-keys.js';
import { Endpoint } from '../http/endpoint.js';
import { IdempotencyKey, idempotencyHeader } from '../http/idempotency.js';
import { ProjectId, RequestCaller } from '../keys/caller.js';
import { PushesService } from './pushes.service.js';

@ApiTags('pushes')
@Controller('v1/pushes')
export class PushesController {
  constructor(@Inject(PushesService) private readonly pushes: PushesService) {}

  @Post()
  @ApiHeader(idempotencyHeader)
  @Endpoint({ summary: 'Upload an adapter to a hub, in the background', answer: pushObject })
  create(
    @RequestCaller() caller: Caller,
    @Body({ schema: pushCreate }) request: PushRequest,
    @IdempotencyKey() key?: string,
  ) {
    return this.pushes.create(caller, request, key);
  }

  @Get()
  @Endpoint({ summary: 'List uploads to a hub, newest first', answer: pushPage })
  list(
    @ProjectId() project: string,
    @Query({ schema: pushListQuery }) query: z.output<typeof pushListQuery>,
  ) {
    return this.pushes.resource.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get an upload to a hub: how far it is, and its commit', answer: pushObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.pushes.resource.get(project, id);
  }

  @Post(':id/cancel')
  @Endpoint({ summary: 'Stop an upload that waits or runs', answer: pushObject })
  cancel(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.pushes.resource.cancel(project, id);
  }

  @Delete(':id')
  @Endpoint({
    summary: 'Take an upload out of the list, or stop it; what the hub has stays there',
    answer: deleted,
  })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.pushes.resource.delete(project, id);
  }
}
