import { Body, Controller, Inject, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { jobCreate, type JobRequest } from '#contracts/http/job-create.js';
import { planObject } from '#contracts/http/plans.js';
import type { Caller } from '#jobs/api-keys.js';
import { Endpoint } from '../http/endpoint.js';
import { UntilGone } from '../http/until-gone.js';
import { RequestCaller } from '../keys/caller.js';
import { PlanService } from './plan.service.js';

@ApiTags('fine-tuning')
@Controller('v1/fine_tuning/plan')
export class PlanController {
  constructor(@Inject(PlanService) private readonly plans: PlanService) {}

  @Post()
  @Endpoint({ summary: 'Tell what a job would come to, without making it', answer: planObject })
  plan(
    @RequestCaller() caller: Caller,
    @Body({ schema: jobCreate }) request: JobRequest,
    @UntilGone() untilGone: AbortSignal,
  ) {
    return this.plans.plan(caller, request, untilGone);
  }
}
