/** How an attempt ends, and what that means for its job. */
import type { EntityManager } from 'typeorm';
import { type ErrorCode, errorCodeOf, type ErrorKind, traitsOf } from '#base/error-codes.js';
import { type FailurePolicy, failurePolicy, verdictOn } from '#jobs/failure-policy.js';
import type { JobChange, NewEvent, RetryDelay } from '#jobs/transitions.js';
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
  /** Names of its classes, if it tells some apart. */
  readonly classes?: readonly string[] | null;
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

/**
 * Ends the running attempt of a locked job.
 *
 * A request to cancel that was there first wins over every outcome, success too. What a failure means is told by its kind,
 * see libs/jobs/failure-policy.ts; attempts that were lost, handed over or interrupted do not count, unless trainers are
 * killed again and again without a new step.
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
    change.emit(info('job.cancelled', 'The job was cancelled'));
    return;
  }
  switch (outcome.end) {
    case 'succeeded':
      return succeed(change, outcome.adapter, outcome.trainedTokens);
    case 'failed':
      return afterFailure(change, outcome.error, policy);
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
  { config, classes = null, files, sha256 }: TrainedAdapter,
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
    classes: classes && [...classes],
    files: [...files],
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256,
  });
  change.move('succeeded', { adapterId: id, trainedTokens });
  change.emit(
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

async function afterFailure(change: JobChange, error: AttemptError, policy: FailurePolicy): Promise<void> {
  const { job, manager } = change;
  const { code, message } = error;
  const { kind } = traitsOf(code);
  const bugs = job.ownFailures + (kind === 'bug' ? 1 : 0);
  change.set({ ownFailures: bugs });
  const count = kind === 'bug' ? bugs : await failuresInARow(manager, job, kind);
  const verdict = verdictOn(kind, count, policy);
  if (verdict.does === 'fail') {
    fail(change, kind === 'caller' ? error : { ...error, message: `${message} (after ${count} tries)` });
    return;
  }
  const { seconds } = verdict;
  const data = { error: { code, message } };
  if (verdict.does === 'wait') {
    const text = `${message}; the job waits, and tries again in ${seconds} s`;
    goOn(
      change,
      { level: 'warn', code: 'job.waiting', message: text, data },
      { seconds, because: data.error },
    );
    return;
  }
  const text =
    kind === 'bug' ? `; try ${count + 1} of ${policy.bugTries} follows` : '; the job is tried again';
  const event = { level: 'warn', code: 'job.retried', message: `${message}${text}`, data } as const;
  goOn(change, event, { seconds, because: data.error });
}

function fail(change: JobChange, { code, message, param = null }: AttemptError): void {
  change.move('failed', { error: { code, message, param } });
  change.emit({ level: 'error', code: 'job.failed', message, data: { error: { code, message, param } } });
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

/** Back to the queue, or to rest if that was requested. */
function goOn(change: JobChange, event: NewEvent, delay?: RetryDelay): void {
  if (change.job.pauseRequestedAt !== null) {
    change.move('paused', { pauseRequestedAt: null });
    change.emit(...(event.level === 'info' ? [] : [event]), info('job.paused', 'The job is paused'));
    return;
  }
  change.enqueue(delay);
  change.emit(event);
}

/** Attempts in a row, this one included, that failed by such an error before they wrote anything new. */
async function failuresInARow(manager: EntityManager, job: Readonly<Job>, kind: ErrorKind): Promise<number> {
  const isSuch = ({ end, error }: Attempt) =>
    end === 'failed' && error !== null && traitsOf(errorCodeOf(error.code)).kind === kind;
  return Math.max(1, await barrenAttempts(manager, job, isSuch));
}

/** Attempts in a row, this one included, whose trainer was killed before it wrote anything new. */
async function killsWithoutProgress(manager: EntityManager, job: Readonly<Job>): Promise<number> {
  const isKill = ({ end, error }: Attempt) => end === 'lost' && error?.code === 'trainer_killed';
  return barrenAttempts(manager, job, isKill);
}

const attemptsLookedAt = 20;

/** The last attempts, this one included, that ended in this way and without a new metric. */
async function barrenAttempts(
  manager: EntityManager,
  { id: jobId }: Readonly<Job>,
  isSuch: (attempt: Attempt) => boolean,
): Promise<number> {
  const attempts = await manager.find(Attempt, {
    where: { jobId },
    order: { attempt: 'DESC' },
    take: attemptsLookedAt,
  });
  const newest = await manager.findOne(Metric, { where: { jobId }, order: { seq: 'DESC' } });
  let count = 0;
  for (const attempt of attempts) {
    if (!isSuch(attempt) || attempt.attempt <= (newest?.attempt ?? 0)) break;
    count++;
  }
  return count;
}

function info(code: string, message: string, data?: Record<string, unknown>): NewEvent {
  return { level: 'info', code, message, data };
}
