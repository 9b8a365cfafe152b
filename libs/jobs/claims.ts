/** A worker's hold on a job: taken by compare-and-set, kept by heartbeats, given up with an outcome. */
import { type AttemptOutcome, endAttempt } from '#jobs/endings.js';
import { type FailurePolicy, failurePolicy } from '#jobs/failure-policy.js';
import type { JobsParts } from '#jobs/parts.js';
import { changeJob } from '#jobs/transitions.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import type { Job } from '#platform/database/entities/job.js';

/** One attempt of a job; its number fences every write. */
export interface Claim {
  readonly jobId: string;
  readonly attempt: number;
}

/** What the owner of a running job has requested. */
export interface RequestedActions {
  readonly cancel: boolean;
  readonly pause: boolean;
}

export class Claims {
  constructor(
    private readonly parts: JobsParts,
    private readonly policy: FailurePolicy = failurePolicy,
  ) {}

  /**
   * Takes a waiting job for a worker; null if it does not wait. Safe to repeat when the answer was lost: a worker gets
   * the job that it has already.
   */
  async claimJob(
    jobId: string,
    workerId: string,
    device: string,
  ): Promise<{ job: Job; attempt: number } | null> {
    const claimed = await changeJob(this.parts, jobId, async (change) => {
      const { job } = change;
      if (job.state === 'running' && job.workerId === workerId) return true;
      if (job.state !== 'queued') return false;
      const attempt = job.attempt + 1;
      change.move('running', {
        attempt,
        workerId,
        heartbeatAt: () => 'now()',
        ...(job.startedAt === null ? { startedAt: () => 'now()' } : {}),
      });
      await change.manager.insert(Attempt, { jobId, attempt, workerId, device });
      change.emit({
        level: 'info',
        code: 'job.started',
        message: attempt === 1 ? `A worker took the job, on ${device}` : `Attempt ${attempt}, on ${device}`,
        data: { attempt, worker: workerId, device },
      });
      return true;
    });
    return claimed?.result ? { job: claimed.job, attempt: claimed.job.attempt } : null;
  }

  /** Says that the attempt is alive; 'lost' if it does not hold the job any more. */
  async heartbeat(claim: Claim): Promise<RequestedActions | 'lost'> {
    return (
      (await this.beat(claim)) ??
      ((await regain(this.parts, claim)) ? await this.beat(claim) : null) ??
      'lost'
    );
  }

  /**
   * Ends the attempt and says what becomes of the job, see `endAttempt`. Safe to repeat when the answer was lost.
   * 'lost' if the attempt did not hold the job any more: then nothing was changed.
   */
  async finish(claim: Claim, outcome: AttemptOutcome): Promise<Job | 'lost'> {
    const ended = await this.end(claim, outcome);
    if (ended !== 'lost' || !(await regain(this.parts, claim))) return ended;
    return this.end(claim, outcome);
  }

  private async beat({ jobId, attempt }: Claim): Promise<RequestedActions | null> {
    const [rows] = await this.parts.database.query<[RequestedActions[], number]>(
      `UPDATE job SET heartbeat_at = now() WHERE id = $1 AND attempt = $2 AND state = 'running'
       RETURNING cancel_requested_at IS NOT NULL AS cancel, pause_requested_at IS NOT NULL AS pause`,
      [jobId, attempt],
    );
    return rows[0] ?? null;
  }

  private async end({ jobId, attempt }: Claim, outcome: AttemptOutcome): Promise<Job | 'lost'> {
    const ended = await changeJob(this.parts, jobId, async (change) => {
      const { job, manager } = change;
      if (job.state === 'running' && job.attempt === attempt) {
        await endAttempt(change, outcome, this.policy);
        return true;
      }
      // A transaction whose answer was lost was committed all the same.
      const row = await manager.findOneBy(Attempt, { jobId, attempt });
      return row?.end === outcome.end;
    });
    return ended?.result ? ended.job : 'lost';
  }
}

/**
 * Takes a job back for an attempt whose worker was taken for dead, as one of a machine that slept: nobody else has begun
 * it since, so nothing is lost. False if the attempt may not go on.
 */
export async function regain(parts: JobsParts, { jobId, attempt }: Claim): Promise<boolean> {
  const changed = await changeJob(parts, jobId, async (change) => {
    const { job, manager } = change;
    if (job.attempt !== attempt) return false;
    if (job.state === 'running') return true;
    const row = await manager.findOneBy(Attempt, { jobId, attempt });
    if (job.state !== 'queued' || row?.end !== 'lost' || row.error?.code !== 'worker_lost') return false;
    await manager.update(Attempt, { jobId, attempt }, { endedAt: null, end: null, error: null });
    change.move('running', { workerId: row.workerId, heartbeatAt: () => 'now()' });
    change.emit({ level: 'info', code: 'attempt.regained', message: 'The worker is back and goes on' });
    return true;
  });
  return changed?.result ?? false;
}
