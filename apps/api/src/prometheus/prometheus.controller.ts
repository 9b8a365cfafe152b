import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { Caller } from '#jobs/api-keys.js';
import { Endpoint } from '../http/endpoint.js';
import { RequestCaller } from '../keys/caller.js';
import { PrometheusService } from './prometheus.service.js';

@ApiTags('service')
@Controller('metrics')
export class PrometheusController {
  constructor(@Inject(PrometheusService) private readonly service: PrometheusService) {}

  @Get()
  @Endpoint({
    summary: "Numbers for Prometheus: the server's for administrators, else those of the project",
    produces: 'text/plain',
  })
  async metrics(@RequestCaller() { role, projectId }: Caller, @Res() response: Response): Promise<void> {
    const text = role === 'admin' ? await this.service.text() : await this.service.projectText(projectId);
    response.set('content-type', this.service.contentType).send(text);
  }
}
