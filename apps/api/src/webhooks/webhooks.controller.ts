import { Body, Controller, Delete, Get, Header, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { deleted, objectId } from '#contracts/http/pages.js';
import {
  webhookCreate,
  webhookListQuery,
  webhookObject,
  webhookPage,
  type WebhookRequest,
  webhookTest,
} from '#contracts/http/webhooks.js';
import { Endpoint } from '../http/endpoint.js';
import { ProjectId } from '../keys/caller.js';
import { WebhooksService } from './webhooks.service.js';

@ApiTags('webhooks')
@Controller('v1/webhooks')
export class WebhooksController {
  constructor(@Inject(WebhooksService) private readonly webhooks: WebhooksService) {}

  @Post()
  @Header('cache-control', 'no-store')
  @Endpoint({ summary: 'Tell an address when jobs end; its secret is told once', answer: webhookObject })
  create(@ProjectId() project: string, @Body({ schema: webhookCreate }) request: WebhookRequest) {
    return this.webhooks.create(project, request);
  }

  @Get()
  @Endpoint({ summary: 'List webhooks, newest first, without their secrets', answer: webhookPage })
  list(
    @ProjectId() project: string,
    @Query({ schema: webhookListQuery }) query: z.output<typeof webhookListQuery>,
  ) {
    return this.webhooks.list(project, query);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get a webhook and how its deliveries went', answer: webhookObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.webhooks.get(project, id);
  }

  @Post(':id/test')
  @Endpoint({
    summary: 'Send an event about the job ftjob-test, and tell what became of it',
    answer: webhookTest,
  })
  test(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.webhooks.test(project, id);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Remove a webhook with what it was still to be told', answer: deleted })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.webhooks.delete(project, id);
  }
}
