import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { baseModelRegister, baseModelRegistration, baseModelRemoval } from '#contracts/http/models.js';
import { deleted, type Deleted, objectId } from '#contracts/http/pages.js';
import type { Caller } from '#jobs/api-keys.js';
import { notFound } from '../errors/api-error.js';
import { Endpoint } from '../http/endpoint.js';
import { RequestCaller } from '../keys/caller.js';
import { BaseModels } from './base-models.js';
import { RegistrationsService } from './registrations.service.js';

@ApiTags('models')
@Controller('v1/base_models')
export class BaseModelsController {
  constructor(
    @Inject(RegistrationsService) private readonly registrations: RegistrationsService,
    @Inject(BaseModels) private readonly models: BaseModels,
  ) {}

  @Post()
  @Endpoint({
    summary:
      'Register a folder on the server or a model of a hub as a base model; fetching and reading it goes on in the background',
    answer: baseModelRegistration,
    isAdmin: true,
  })
  register(
    @RequestCaller() { keyId }: Caller,
    @Body({ schema: baseModelRegister }) body: z.output<typeof baseModelRegister>,
  ) {
    return this.registrations.register(body, { hasKey: keyId !== null });
  }

  @Get('registrations/:id')
  @Endpoint({ summary: 'Get how far a registration has come', answer: baseModelRegistration, isAdmin: true })
  get(@Param('id', { schema: objectId }) id: string) {
    return this.registrations.get(id);
  }

  @Post('registrations/:id/cancel')
  @Endpoint({
    summary: 'Stop a registration; what was fetched stays for the next one',
    answer: baseModelRegistration,
    isAdmin: true,
  })
  cancel(@Param('id', { schema: objectId }) id: string) {
    return this.registrations.cancel(id);
  }

  @Delete(':name')
  @Endpoint({
    summary: 'Remove a base model from the list; jobs and adapters that were made with it keep it',
    answer: deleted,
    isAdmin: true,
  })
  async remove(
    @Param('name', { schema: objectId }) name: string,
    @Query({ schema: baseModelRemoval }) { files }: z.output<typeof baseModelRemoval>,
  ): Promise<Deleted> {
    if (!(await this.models.remove(name, { files: files === 'true' }))) throw notFound('model', name);
    return { id: name, object: 'model', deleted: true };
  }
}
