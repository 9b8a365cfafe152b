import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { deleted, objectId } from '#contracts/http/pages.js';
import {
  permissionCreate,
  permissionListQuery,
  permissionPage,
  type PermissionRequest,
} from '#contracts/http/permissions.js';
import { Endpoint } from '../http/endpoint.js';
import { PermissionsService } from './permissions.service.js';

@ApiTags('fine-tuning')
@Controller('v1/fine_tuning/checkpoints/:model/permissions')
export class PermissionsController {
  constructor(@Inject(PermissionsService) private readonly permissions: PermissionsService) {}

  @Post()
  @Endpoint({
    summary: 'Let other projects use a fine-tuned model or checkpoint',
    answer: permissionPage,
    isAdmin: true,
  })
  create(
    @Param('model', { schema: objectId }) model: string,
    @Body({ schema: permissionCreate }) request: PermissionRequest,
  ) {
    return this.permissions.create(model, request);
  }

  @Get()
  @Endpoint({
    summary: 'List the projects that may use a fine-tuned model or checkpoint of another one',
    answer: permissionPage,
    isAdmin: true,
  })
  list(
    @Param('model', { schema: objectId }) model: string,
    @Query({ schema: permissionListQuery }) query: z.output<typeof permissionListQuery>,
  ) {
    return this.permissions.list(model, query);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Take the leave back', answer: deleted, isAdmin: true })
  delete(@Param('model', { schema: objectId }) model: string, @Param('id', { schema: objectId }) id: string) {
    return this.permissions.delete(model, id);
  }
}
