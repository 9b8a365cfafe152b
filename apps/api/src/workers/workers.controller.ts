import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { queueObject, workerList } from '#contracts/http/service.js';
import type { Caller } from '#jobs/api-keys.js';
import { Endpoint } from '../http/endpoint.js';
import { ProjectId, RequestCaller } from '../keys/caller.js';
import { WorkersService } from './workers.service.js';

@ApiTags('service')
@Controller('v1')
export class WorkersController {
  constructor(@Inject(WorkersService) private readonly service: WorkersService) {}

  @Get('workers')
  @Endpoint({ summary: 'List workers and what they run', answer: workerList })
  workers(@ProjectId() project: string) {
    return this.service.workers(project);
  }

  @Get('queue')
  @Endpoint({ summary: 'Tell what waits', answer: queueObject })
  queue(@RequestCaller() caller: Caller) {
    return this.service.queue(caller);
  }
}
