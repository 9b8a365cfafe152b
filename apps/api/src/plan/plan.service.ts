import { Inject, Injectable } from '@nestjs/common';
import type { JobRequest } from '#contracts/http/job-create.js';
import type { PlannedTime, PlanObject } from '#contracts/http/plans.js';
import { knownModel } from '#jobs/known-models.js';
import { Placement } from '#jobs/placement.js';
import { estimateTime } from '#jobs/time-estimate.js';
import { staysOutOfQueue } from '#jobs/waiting.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import type { Platform } from '#platform/platform.js';
import { type CheckedJob, JobRequests } from '../jobs/job-request.service.js';
import { PLATFORM } from '../tokens.js';
import { coresOfWorkers, measuredSteps } from './measured-steps.js';
import { viewPlan } from './plan-view.js';

/** Plans: the checks of a job without the job. */
@Injectable()
export class PlanService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(JobRequests) private readonly requests: JobRequests,
  ) {}

  async plan(projectId: string, request: JobRequest): Promise<PlanObject> {
    const checked = await this.requests.check(projectId, request);
    const plan = viewPlan(checked, await this.time(projectId, checked));
    const warning = await this.placeWarning(checked);
    return warning ? { ...plan, warnings: [...plan.warnings, warning] } : plan;
  }

  /** What would keep the job from running at all, as things are. */
  private async placeWarning({ job }: CheckedJob): Promise<PlanObject['warnings'][number] | null> {
    const { database, configuration } = this.platform;
    const placement = await Placement.read(database, configuration.workerLostSeconds);
    const reason = placement.reasonFor({ device: job.device, memoryBytes: 0 });
    if (!staysOutOfQueue(reason)) return null;
    return { code: reason!.code, message: `the job would wait: ${reason!.message}` };
  }

  private async time(projectId: string, { job, plan }: CheckedJob): Promise<PlannedTime | null> {
    if (!plan.run) return null;
    const { database, configuration } = this.platform;
    const base = await database.manager.findOneByOrFail(BaseModel, { name: job.model });
    const model = await knownModel(base.folder, base.identity);
    const { baseIdentity, device } = job;
    const measured = await measuredSteps(database, { projectId, baseIdentity, device }, model.base);
    // Other devices are too far from each other to be judged without a measurement.
    const isProcessor = device === 'auto' || device === 'cpu';
    const cores = isProcessor ? await coresOfWorkers(database, configuration.workerLostSeconds) : null;
    const time = estimateTime(plan.run, measured, cores);
    if (!time) return null;
    const { lowSeconds, highSeconds, ...rest } = time;
    return { low_seconds: lowSeconds, high_seconds: highSeconds, ...rest };
  }
}
