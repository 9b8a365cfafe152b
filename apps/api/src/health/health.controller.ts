import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { healthObject, readinessObject } from '#contracts/http/service.js';
import { Endpoint } from '../http/endpoint.js';
import { Public } from '../keys/public.js';
import { HealthService } from './health.service.js';

@Public()
@ApiTags('service')
@Controller()
export class HealthController {
  constructor(@Inject(HealthService) private readonly service: HealthService) {}

  @Get('health')
  @Endpoint({ summary: 'Tell whether this process lives', answer: healthObject, isPublic: true })
  health() {
    return this.service.health();
  }

  @Get('ready')
  @Endpoint({
    summary: 'Tell whether database, queue and store answer; 503 if one does not',
    answer: readinessObject,
    isPublic: true,
  })
  ready(@Res({ passthrough: true }) response: Response) {
    return this.service.ready(response);
  }
}
