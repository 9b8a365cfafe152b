import { Body, Controller, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { baseModelRegister, baseModelRegistration } from '#contracts/http/models.js';
import type { Caller } from '#jobs/api-keys.js';
import { Endpoint } from '../http/endpoint.js';
import { RequestCaller } from '../keys/caller.js';
import { RegistrationsService } from './registrations.service.js';

@ApiTags('models')
@Controller('v1/base_models')
export class BaseModelsController {
  constructor(@Inject(RegistrationsService) private readonly registrations: RegistrationsService) {}

  @Post()
  @Endpoint({
    summary: 'Register a folder on the server as a base model; reading it goes on in the background',
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
  get(@Param('id') id: string) {
    return this.registrations.get(id);
  }
}
