import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Endpoint } from '../http/endpoint.js';
import { PrometheusService } from './prometheus.service.js';

@ApiTags('service')
@Controller('metrics')
export class PrometheusController {
  constructor(@Inject(PrometheusService) private readonly service: PrometheusService) {}

  @Get()
  @Endpoint({ summary: 'Numbers for Prometheus', produces: 'text/plain' })
  async metrics(@Res() response: Response): Promise<void> {
    response.set('content-type', this.service.contentType).send(await this.service.text());
  }
}
