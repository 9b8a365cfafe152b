import type { ShownHyperparameters } from '#contracts/http/hyperparameters.js';
import type { JobObject, WaitingReasonObject } from '#contracts/http/jobs.js';
import { adapterName } from '#jobs/endings.js';
import { requestedOf, resolvedOf } from '#jobs/job-options.js';
import type { Job } from '#platform/database/entities/job.js';
import { unixSeconds, unixSecondsOrNull } from '../http/unix-seconds.js';
import { viewRequested, viewResolved } from './job-options-view.js';
import type { JobReading } from './job-reads.js';

/** A job as it is answered. */
export function viewJob(reading: JobReading, now = new Date()): JobObject {
  const { job, position, secondsPerStep, loss } = reading;
  const secondsLeft = timeLeft(job, secondsPerStep);
  const hyperparameters = shownHyperparameters(job);
  const resolved = resolvedOf(job);
  const { type, ...options } = resolved.training.method;
  return {
    id: job.id,
    object: 'fine_tuning.job',
    created_at: unixSeconds(job.createdAt),
    finished_at: unixSecondsOrNull(job.finishedAt),
    model: job.model,
    fine_tuned_model: job.adapterId === null ? null : adapterName(job, job.adapterId),
    organization_id: job.projectId,
    result_files: job.resultFileId === null ? [] : [job.resultFileId],
    status: job.state,
    trained_tokens: job.trainedTokens,
    training_file: job.trainingFileId,
    validation_file: job.validationFileId,
    validation_split: job.data?.validationSplit ?? null,
    format: job.data?.trainingForm?.format ?? null,
    columns: job.data?.trainingForm?.columns ?? null,
    hyperparameters,
    seed: job.seed,
    error: job.error,
    estimated_finish: secondsLeft === null ? null : unixSeconds(now) + Math.ceil(secondsLeft),
    method: { type, [type]: { hyperparameters: { ...hyperparameters, ...options } } },
    integrations: job.integrations ?? [],
    metadata: job.metadata,
    suffix: job.suffix,
    user_provided_suffix: job.suffix,
    lora: job.lora,
    training: job.training,
    requested: viewRequested(requestedOf(job)),
    resolved: viewResolved(resolved),
    device: job.device,
    init_adapter: job.initAdapterId,
    adapter: job.adapterId,
    progress: {
      step: job.step,
      total_steps: job.totalSteps,
      tokens_per_second: job.tokensPerSecond,
      loss,
      seconds_left: secondsLeft,
    },
    position,
    waiting: viewWaiting(reading),
    attempt: job.attempt,
    started_at: unixSecondsOrNull(job.startedAt),
    cancel_requested: job.state === 'running' && job.cancelRequestedAt !== null,
    pause_requested: job.state === 'running' && job.pauseRequestedAt !== null,
    // As the trainer told them, whose message was checked when it came.
    plan: job.plan as JobObject['plan'],
    choices: job.choices as JobObject['choices'],
  };
}

function viewWaiting({ job, busyWith }: JobReading): WaitingReasonObject | null {
  if ((job.state !== 'queued' && job.state !== 'running') || job.waiting === null) return null;
  const { code, message, since } = job.waiting;
  return {
    code,
    message: busyWith.length === 0 ? message : `${message} with ${busyWith.join(', ')}`,
    since: unixSeconds(new Date(since)),
    retry_at: unixSecondsOrNull(job.tryAfter),
    jobs: [...busyWith],
  };
}

function timeLeft({ state, step, totalSteps }: Job, secondsPerStep: number | null): number | null {
  if (state !== 'running' || totalSteps === null || secondsPerStep === null) return null;
  return Math.round(10 * Math.max(0, totalSteps - step) * secondsPerStep) / 10;
}

/** What was written, or what was chosen for `auto` once that is known. */
function shownHyperparameters({ training, choices, requested }: Job): ShownHyperparameters {
  const value = (option: string): number | 'auto' => {
    const chosen = choices?.find((choice) => choice['option'] === option)?.['value'];
    const written = training[option];
    if (typeof written === 'number') return written;
    return typeof chosen === 'number' ? chosen : 'auto';
  };
  return {
    batch_size: value('batch_size'),
    learning_rate_multiplier: requested?.learningRateMultiplier ?? 'auto',
    n_epochs: value('n_epochs'),
  };
}
