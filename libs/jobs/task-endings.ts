/** What becomes of a task when an attempt of it fails: by the rule for jobs, see libs/jobs/failure-policy.ts. */
import type { EntityManager } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { type ErrorCode, traitsOf } from '#base/error-codes.js';
import { type FailurePolicy, verdictOn } from '#jobs/failure-policy.js';
import { Task } from '#platform/database/entities/task.js';

/** One attempt of a task; its number fences every write. */
export interface TaskClaim {
  readonly id: string;
  readonly attempt: number;
}

export interface TaskError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The end of a process from outside, as for want of memory. A task has no steps that show that it comes further. */
const deaths: ReadonlySet<ErrorCode> = new Set(['task_died', 'worker_lost']);

/** The columns of a task after an attempt that failed. */
export function afterFailure(
  task: Readonly<Task>,
  { code, message }: TaskError,
  policy: FailurePolicy,
): QueryDeepPartialEntity<Task> {
  const { kind } = traitsOf(code);
  const isDeath = deaths.has(code);
  const isCounted = kind === 'bug' || isDeath;
  const failures = task.failures + (isCounted ? 1 : 0);
  const waits = task.waits + (isCounted ? 0 : 1);
  const verdict = verdictOn(isDeath ? 'bug' : kind, isCounted ? failures : waits, policy);
  const counts = { failures, waits, progress: null };
  if (verdict.does === 'fail') {
    const text = failures > 1 ? `${message} (after ${failures} tries)` : message;
    return { ...counts, state: 'failed', error: { code, message: text }, finishedAt: () => 'now()' };
  }
  const seconds = isDeath ? 0 : verdict.seconds;
  const waiting = { code, message, since: new Date().toISOString() };
  return { ...counts, state: 'queued', waiting, tryAfter: () => `now() + make_interval(secs => ${seconds})` };
}

/** The row of a task that this attempt runs, locked; null if it does not run it any more. */
export async function lockRunning(manager: EntityManager, { id, attempt }: TaskClaim): Promise<Task | null> {
  return manager
    .createQueryBuilder(Task, 'task')
    .setLock('pessimistic_write')
    .where({ id, attempt, state: 'running' })
    .getOne();
}
