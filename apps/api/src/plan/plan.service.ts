import { Inject, Injectable } from '@nestjs/common';
import type { JobRequest } from '#contracts/http/job-create.js';
import type { PlannedTime, PlanObject } from '#contracts/http/plans.js';
import type { Caller } from '#jobs/api-keys.js';
import { Placement } from '#jobs/placement.js';
import type { Planned } from '#jobs/planner-calls.js';
import { estimateTime } from '#jobs/time-estimate.js';
import { isInLine } from '#jobs/waiting.js';
import type { Platform } from '#platform/platform.js';
import { defaultPrecision } from '#training/base-precision/declared.js';
import { JobRequests } from '../jobs/job-request.service.js';
import { PLATFORM } from '../tokens.js';
import { type EarlierJob, earlierJobs, largestProcessor } from './measured-steps.js';
import { viewPlan } from './plan-view.js';

/** Plans: the checks of a job without the job. */
@Injectable()
export class PlanService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(JobRequests) private readonly requests: JobRequests,
  ) {}

  /** Throws what `JobRequests` throws. */
  async plan(
    caller: Pick<Caller, 'projectId' | 'role'>,
    request: JobRequest,
    signal: AbortSignal,
  ): Promise<PlanObject> {
    const { projectId } = caller;
    const found = await this.requests.find(caller, request, signal);
    const { database } = this.platform;
    const { device } = request;
    const earlier = await earlierJobs(database, {
      projectId,
      baseIdentity: found.base.identity,
      device,
      precision: request.training['base_precision'] ?? defaultPrecision,
    });
    const planned = await this.requests.plan(projectId, found, signal, { examples: true, earlier });
    const plan = viewPlan(request, planned, await this.time(device, planned, earlier));
    const warning = await this.placeWarning(device);
    return warning ? { ...plan, warnings: [...plan.warnings, warning] } : plan;
  }

  /** What would keep the job from running at all, as things are. */
  private async placeWarning(device: string): Promise<PlanObject['warnings'][number] | null> {
    const { database, configuration } = this.platform;
    const placement = await Placement.read(database, configuration.workerLostSeconds);
    const reason = placement.reasonFor({ device, memoryBytes: 0 });
    if (reason === null || isInLine(reason)) return null;
    return { code: reason.code, message: `the job would wait: ${reason.message}` };
  }

  private async time(
    device: string,
    { plan, earlierOperations }: Planned,
    earlier: readonly EarlierJob[],
  ): Promise<PlannedTime | null> {
    const { database, configuration } = this.platform;
    // Other devices are too far from each other to be judged without a measurement.
    const isProcessor = device === 'auto' || device === 'cpu';
    const processor = isProcessor ? await largestProcessor(database, configuration.workerLostSeconds) : null;
    const measured = earlier.map(({ secondsPerStep }, i) => ({
      secondsPerStep,
      operations: earlierOperations[i]!,
    }));
    const time = estimateTime(plan.data!.run, measured, processor);
    if (!time) return null;
    const { lowSeconds, highSeconds, ...rest } = time;
    return { low_seconds: lowSeconds, high_seconds: highSeconds, ...rest };
  }
}
