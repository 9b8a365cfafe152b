/** How an attempt ends, and what that means for its job. */
import type { EntityManager } from 'typeorm';
import { type ErrorCode, isRetryable } from '#base/error-codes.js';
import type { JobChange, NewEvent } from '#jobs/transitions.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Attempt, type AttemptEnd } from '#platform/database/entities/attempt.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { Job } from '#platform/database/entities/job.js';
import { Metric } from '#platform/database/entities/metric.js';
import { newId } from '#platform/ids.js';

export interface AttemptError {
  readonly code: ErrorCode;
  readonly message: string;
  /** The field of the job that is at fault, if one is. */
  readonly param?: string | null;
}

/** A trained adapter whose files are in the object store. */
export interface TrainedAdapter {
  /** adapter_config.json. */
  readonly config: Record<string, unknown>;
  readonly files: readonly ManifestFile[];
  /** Of adapter_model.safetensors. */
  readonly sha256: string;
}

export type AttemptOutcome =
  | { readonly end: 'succeeded'; readonly adapter: TrainedAdapter; readonly trainedTokens: number }
  /** The trainer gave up; another try is of no use where the error is the caller's. */
  | { readonly end: 'failed'; readonly error: AttemptError }
  /** Trainer or worker died; not the job's fault. `killed`: the trainer, by a signal from outside. */
  | { readonly end: 'lost'; readonly error: AttemptError; readonly killed: boolean }
  | { readonly end: 'cancelled' | 'paused' | 'handed_over' };

export interface FailurePolicy {
  /** Failures of its own after which a job has failed. */
  readonly ownFailures: number;
  /** Times that a trainer may be killed one after another without a new step. */
  readonly killsWithoutProgress: number;
  /** Seconds before the next try after each failure of its own. */
  readonly retryDelays: readonly number[];
}

export const failurePolicy: FailurePolicy = { ownFailures: 3, killsWithoutProgress: 5, retryDelays: [1, 10] };

/**
 * Ends the running attempt of a locked job.
 *
 * A wish to cancel that was there first wins over every outcome, success too. Own failures are counted and the job is
 * tried again until there are too many; attempts that were lost, handed over or interrupted do not count, unless
 * trainers are killed again and again without a new step.
 */
export async function endAttempt(
  change: JobChange,
  outcome: AttemptOutcome,
  policy: FailurePolicy = failurePolicy,
): Promise<void> {
  const { job, manager } = change;
  const end: AttemptEnd = job.cancelRequestedAt === null ? outcome.end : 'cancelled';
  const error = 'error' in outcome ? { code: outcome.error.code, message: outcome.error.message } : null;
  await manager
    .createQueryBuilder()
    .update(Attempt)
    .set({ endedAt: () => 'now()', end, error })
    .where({ jobId: job.id, attempt: job.attempt })
    .execute();
  if (end === 'cancelled' && job.cancelRequestedAt !== null) {
    change.move('cancelled');
    change.tell(info('job.cancelled', 'The job was cancelled'));
    return;
  }
  switch (outcome.end) {
    case 'succeeded':
      return succeed(change, outcome.adapter, outcome.trainedTokens);
    case 'failed':
      return failOrRetry(change, outcome.error, policy);
    case 'lost':
      return goOnAfterLoss(change, outcome.error, outcome.killed, policy);
    case 'cancelled':
    case 'paused':
    case 'handed_over':
      return goOn(change, info('job.queued', 'The worker handed the job over: waiting for a worker'));
  }
}

async function succeed(
  change: JobChange,
  { config, files, sha256 }: TrainedAdapter,
  trainedTokens: number,
): Promise<void> {
  const { job, manager } = change;
  const id = newId('adapter');
  const name = adapterName(job, id);
  await manager.insert(Adapter, {
    id,
    name,
    projectId: job.projectId,
    jobId: job.id,
    model: job.model,
    baseIdentity: job.baseIdentity,
    config: config as never,
    files: [...files],
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256,
  });
  change.move('succeeded', { adapterId: id, trainedTokens });
  change.tell(
    info('adapter.created', `New fine-tuned model created: ${name}`, { adapter: id, sha256 }),
    info('job.succeeded', 'The job has successfully completed'),
  );
}

/** What clients call the trained model. */
export function adapterName(
  { model, projectId, suffix }: Pick<Job, 'model' | 'projectId' | 'suffix'>,
  adapterId: string,
): string {
  return `ft:${model}:${projectId}:${suffix ?? ''}:${adapterId.replace(/^adapter-/, '')}`;
}

function failOrRetry(change: JobChange, error: AttemptError, policy: FailurePolicy): void {
  const isFinal = !isRetryable(error.code);
  const ownFailures = change.job.ownFailures + 1;
  change.set({ ownFailures });
  if (isFinal || ownFailures >= policy.ownFailures) {
    fail(change, isFinal ? error : { ...error, message: `${error.message} (after ${ownFailures} tries)` });
    return;
  }
  const delay = policy.retryDelays[Math.min(ownFailures, policy.retryDelays.length) - 1] ?? 0;
  goOn(
    change,
    {
      level: 'warn',
      code: 'job.retried',
      message: `${error.message}; try ${ownFailures + 1} of ${policy.ownFailures} follows`,
      data: { error: { code: error.code, message: error.message } },
    },
    delay,
  );
}

function fail(change: JobChange, { code, message, param = null }: AttemptError): void {
  change.move('failed', { error: { code, message, param } });
  change.tell({ level: 'error', code: 'job.failed', message, data: { error: { code, message, param } } });
}

async function goOnAfterLoss(
  change: JobChange,
  error: AttemptError,
  isKilled: boolean,
  policy: FailurePolicy,
): Promise<void> {
  const { job, manager } = change;
  if (isKilled && (await killsWithoutProgress(manager, job)) >= policy.killsWithoutProgress) {
    fail(change, {
      code: 'trainer_killed_repeatedly',
      message: `${error.message}, ${policy.killsWithoutProgress} times one after another without a new step: it may need more memory than the machine has`,
    });
    return;
  }
  goOn(change, {
    level: 'warn',
    code: 'attempt.lost',
    message: `${error.message}: the job goes on from its last checkpoint`,
    data: { error: { code: error.code, message: error.message }, attempt: job.attempt },
  });
}

/** Back to the queue, or to rest if that was wished. */
function goOn(change: JobChange, event: NewEvent, delaySeconds = 0): void {
  if (change.job.pauseRequestedAt !== null) {
    change.move('paused', { pauseRequestedAt: null });
    change.tell(...(event.level === 'info' ? [] : [event]), info('job.paused', 'The job is paused'));
    return;
  }
  change.enqueue(delaySeconds);
  change.tell(event);
}

/** Attempts in a row, this one included, whose trainer was killed before it wrote anything new. */
async function killsWithoutProgress(manager: EntityManager, job: Readonly<Job>): Promise<number> {
  const attempts = await manager.find(Attempt, {
    where: { jobId: job.id },
    order: { attempt: 'DESC' },
    take: 20,
  });
  const newest = await manager.findOne(Metric, { where: { jobId: job.id }, order: { seq: 'DESC' } });
  let count = 0;
  for (const { attempt, end, error } of attempts) {
    if (end !== 'lost' || error?.code !== 'trainer_killed' || attempt <= (newest?.attempt ?? 0)) break;
    count++;
  }
  return count;
}

function info(code: string, message: string, data?: Record<string, unknown>): NewEvent {
  return { level: 'info', code, message, data };
}
