/** What lists tell of a job, as text and as something to sort by. */
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';

export const nameOf = ({ suffix, id }: JobObject) => suffix ?? id;

/** The state that is shown: a job that was asked to stop is still running. */
export function stateOf({ status, cancel_requested, pause_requested }: JobObject) {
  if (cancel_requested) return 'cancelling';
  return pause_requested ? 'pausing' : status;
}

/** From the first step to the end or to now, in seconds; null for a job that did not begin. */
export function durationOf({ started_at, finished_at }: JobObject, now: number): number | null {
  return started_at === null ? null : Math.max(0, (finished_at ?? now) - started_at);
}

export function shareOf({ progress: { step, total_steps }, status }: JobObject): number {
  if (total_steps === null || total_steps === 0) return status === 'succeeded' ? 1 : 0;
  return step / total_steps;
}

const methodNames: Readonly<Record<string, string>> = {
  supervised: 'Supervised',
  dpo: 'DPO',
  orpo: 'ORPO',
  classification: 'Classification',
};
export const methodName = ({ method: { type } }: Pick<JobObject, 'method'>) => methodNames[type] ?? type;

export const canCancel = (job: JobObject) => !isOver(job) && !job.cancel_requested;
export const canPause = (job: JobObject) => canCancel(job) && job.status !== 'paused' && !job.pause_requested;

/** Of its progress bar. */
export function toneOf({ status }: JobObject): 'ok' | 'bad' | 'idle' | undefined {
  if (status === 'succeeded') return 'ok';
  if (status === 'failed') return 'bad';
  return status === 'running' ? undefined : 'idle';
}
