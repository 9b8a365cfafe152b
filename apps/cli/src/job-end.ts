/** What is said when a job is over. */
import type { JobObject } from '#contracts/http/jobs.js';
import { LowrankError } from '#base/errors.js';
import { declarationOf } from '#training/objectives/declared/registry.js';

/** How the model that a job made is asked. */
function asks({ adapter, method }: JobObject): string {
  return method && declarationOf(method).head === 'classify'
    ? `classify ${adapter} "TEXT"`
    : `chat ${adapter} "PROMPT"`;
}

/** Text about a job that succeeded, or the error `job_failed` or `job_cancelled`. */
export function endOf(job: JobObject): string | LowrankError {
  const details = { job: job.id, error: job.error };
  if (job.status === 'succeeded') {
    const fetch = job.adapter ? `\nfetch it:  lowrank adapters get ${job.adapter} --out FOLDER` : '';
    const ask = job.adapter ? `\ntry it:    lowrank ${asks(job)}` : '';
    return `done: ${job.fine_tuned_model ?? job.id}${fetch}${ask}`;
  }
  if (job.status === 'cancelled')
    return new LowrankError('job_cancelled', `${job.id} was cancelled`, { details });
  const reason = job.error ? `${job.error.code}: ${job.error.message}` : job.status;
  return new LowrankError('job_failed', `${job.id} failed: ${reason}`, { details });
}
