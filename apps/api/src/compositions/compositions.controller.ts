import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import {
  compositionCreate,
  compositionObject,
  compositionPage,
  compositionPreview,
  type CompositionRequest,
  taskListQuery,
} from '#contracts/http/compositions.js';
import { objectId, deleted } from '#contracts/http/pages.js';
import { Endpoint } from '../http/endpoint.js';
import { IdempotencyKey, idempotencyHeader } from '../http/idempotency.js';
import { UntilGone } from '../http/until-gone.js';
import { ProjectId } from '../keys/caller.js';
import { CompositionsService } from './compositions.service.js';

@ApiTags('compositions')
@Controller('v1/compositions')
export class CompositionsController {
  constructor(@Inject(CompositionsService) private readonly compositions: CompositionsService) {}

  @Post()
  @ApiHeader(idempotencyHeader)
  @Endpoint({
    summary: 'Compose adapters into one, or with `preview` tell what that would keep',
    answer: z.union([compositionObject, compositionPreview]),
  })
  create(
    @ProjectId() project: string,
    @Body({ schema: compositionCreate }) request: CompositionRequest,
    @UntilGone() untilGone: AbortSignal,
    @IdempotencyKey() key?: string,
  ) {
    return this.compositions.create(project, request, untilGone, key);
  }

  @Get()
  @Endpoint({ summary: 'List compositions, newest first', answer: compositionPage })
  list(
    @ProjectId() project: string,
    @Query({ schema: taskListQuery }) query: z.output<typeof taskListQuery>,
  ) {
    return this.compositions.resource.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get a composition: how far it is and what it keeps', answer: compositionObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.compositions.resource.get(project, id);
  }

  @Post(':id/cancel')
  @Endpoint({ summary: 'Stop a composition that waits or runs', answer: compositionObject })
  cancel(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.compositions.resource.cancel(project, id);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Delete a composition, or stop it; its adapter stays', answer: deleted })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.compositions.resource.delete(project, id);
  }
}
