import { Body, Controller, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { baseModelRegister, baseModelRegistration } from '#contracts/http/models.js';
import { Endpoint } from '../http/endpoint.js';
import { RegistrationsService } from './registrations.service.js';

@ApiTags('models')
@Controller('v1/base_models')
export class BaseModelsController {
  constructor(@Inject(RegistrationsService) private readonly registrations: RegistrationsService) {}

  @Post()
  @Endpoint({
    summary: 'Register a folder on the server as a base model; reading it goes on in the background',
    answer: baseModelRegistration,
  })
  register(@Body({ schema: baseModelRegister }) body: z.output<typeof baseModelRegister>) {
    return this.registrations.register(body);
  }

  @Get('registrations/:id')
  @Endpoint({ summary: 'Get how far a registration has come', answer: baseModelRegistration })
  get(@Param('id') id: string) {
    return this.registrations.get(id);
  }
}
