import type { CheckpointObject, EventObject, MetricObject } from '#contracts/http/streams.js';
import type { Checkpoint } from '#platform/database/entities/checkpoint.js';
import type { Job } from '#platform/database/entities/job.js';
import type { JobEvent } from '#platform/database/entities/job-event.js';
import type { Metric } from '#platform/database/entities/metric.js';
import { unixSeconds } from '../http/unix-seconds.js';

const bare = (jobId: string) => jobId.replace(/^ftjob-/, '');

/** An event as it is answered. */
export function viewEvent({ jobId, seq, level, code, message, data, createdAt }: JobEvent): EventObject {
  return {
    id: eventId(jobId, seq),
    object: 'fine_tuning.job.event',
    created_at: unixSeconds(createdAt),
    level,
    message,
    type: 'message',
    data,
    seq,
    code,
  };
}

/** What was measured at a step, as it is answered. */
export function viewMetric({ jobId, seq, step, kind, values, createdAt }: Metric): MetricObject {
  // The trainer's message was checked when it came; the database does not know which values go with which kind.
  return {
    id: metricId(jobId, seq),
    object: 'fine_tuning.job.metric',
    created_at: unixSeconds(createdAt),
    seq,
    step,
    kind,
    values,
  } as MetricObject;
}

/** A checkpoint as it is answered. */
export function viewCheckpoint(
  { id, jobId, step, best, files, metrics, createdAt }: Checkpoint,
  { model, projectId, suffix }: Pick<Job, 'model' | 'projectId' | 'suffix'>,
): CheckpointObject {
  return {
    id,
    object: 'fine_tuning.job.checkpoint',
    created_at: unixSeconds(createdAt),
    step_number: step,
    fine_tuned_model_checkpoint: `ft:${model}:${projectId}:${suffix ?? ''}:${bare(jobId)}:ckpt-step-${step}`,
    fine_tuning_job_id: jobId,
    metrics,
    best,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

export const eventId = (jobId: string, seq: number) => `ftevent-${bare(jobId)}-${seq}`;
export const metricId = (jobId: string, seq: number) => `ftmetric-${bare(jobId)}-${seq}`;

/** The number within its job that an id ends with; undefined for an id of something else. */
export function seqOf(kind: 'ftevent' | 'ftmetric', jobId: string, id: string): number | undefined {
  const start = `${kind}-${bare(jobId)}-`;
  const digits = id.startsWith(start) ? id.slice(start.length) : '';
  return /^\d{1,9}$/.test(digits) ? Number(digits) : undefined;
}
