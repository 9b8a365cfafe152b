import { Inject, Injectable } from '@nestjs/common';
import type { JobRequest } from '#contracts/http/job-create.js';
import type { PlanObject } from '#contracts/http/plans.js';
import { JobRequests } from '../jobs/job-request.service.js';
import { viewPlan } from './plan-view.js';

/** Plans: the checks of a job without the job. */
@Injectable()
export class PlanService {
  constructor(@Inject(JobRequests) private readonly requests: JobRequests) {}

  async plan(projectId: string, request: JobRequest): Promise<PlanObject> {
    return viewPlan(await this.requests.check(projectId, request));
  }
}
