/** Jobs with what can only be told by looking at others or at the clock: one query for each answer. */
import type { DataSource, EntityManager, SelectQueryBuilder } from 'typeorm';
import type { MadeJob } from '#jobs/new-job.js';
import { inLine } from '#jobs/waiting.js';
import { Job } from '#platform/database/entities/job.js';
import { readPage } from '#platform/database/read-page.js';

/** A job, its place among those that wait, its speed and its loss. */
export interface JobReading extends MadeJob {
  /** Of the last steps, pauses for evaluation and checkpoints included; null for a job that does not run. */
  readonly secondsPerStep: number | null;
  /** Training loss of the last step; null before the first one. */
  readonly loss: number | null;
}

const position = `CASE WHEN ${inLine('job')} THEN 1 + (SELECT count(*) FROM job ahead
  WHERE ${inLine('ahead')} AND (ahead.queued_at, ahead.id) < (job.queued_at, job.id)) END`;

/** Three are enough to look at. */
const busyWith = `CASE WHEN job.state = 'queued' AND job.waiting->>'code' = 'device_busy' THEN (SELECT json_agg(busy.id)
  FROM (SELECT other.id FROM job other JOIN attempt ON attempt.job_id = other.id AND attempt.attempt = other.attempt
    WHERE other.state = 'running' AND other.project_id = job.project_id AND job.waiting->'devices' ? attempt.device
    ORDER BY other.started_at LIMIT 3) busy) END`;

/** Steps are written in batches, so their times are coarse: many of them, and a second at least, make a speed. */
const secondsPerStep = `CASE WHEN job.state = 'running' THEN (SELECT
  CASE WHEN max(recent.created_at) - min(recent.created_at) > interval '1 second' THEN
    extract(epoch FROM max(recent.created_at) - min(recent.created_at)) / nullif(max(recent.step) - min(recent.step), 0) END
  FROM (SELECT created_at, step FROM metric WHERE metric.job_id = job.id AND metric.attempt = job.attempt
    ORDER BY metric.seq DESC LIMIT 100) recent) END`;

const loss = `(SELECT metric.values->>'loss' FROM metric WHERE metric.job_id = job.id AND metric.kind = 'step'
  ORDER BY metric.seq DESC LIMIT 1)`;

/** Adds what readings need to a query over `job`. */
function withReadings(query: SelectQueryBuilder<Job>): SelectQueryBuilder<Job> {
  return query
    .addSelect(position, 'position')
    .addSelect(busyWith, 'busy_with')
    .addSelect(secondsPerStep, 'seconds_per_step')
    .addSelect(loss, 'loss');
}

interface RawReading {
  readonly position: string | null;
  readonly busy_with: string[] | null;
  readonly seconds_per_step: string | null;
  readonly loss: string | null;
}

function readingOf(job: Job, raw?: RawReading): JobReading {
  const numberOrNull = (text: string | null = null) => (text === null ? null : Number(text));
  return {
    job,
    position: numberOrNull(raw?.position),
    busyWith: raw?.busy_with ?? [],
    secondsPerStep: numberOrNull(raw?.seconds_per_step),
    loss: numberOrNull(raw?.loss),
  };
}

/** The first page of a query over jobs named `job`, without joins. */
export async function readJobPage(
  query: SelectQueryBuilder<Job>,
  limit: number,
): Promise<{ readonly readings: JobReading[]; readonly hasMore: boolean }> {
  const { rows, raw, hasMore } = await readPage<Job, RawReading>(withReadings(query), 'id', limit);
  return { readings: rows.map((job, i) => readingOf(job, raw[i])), hasMore };
}

/** One job of a project; undefined if there is none. */
export async function readJob(
  manager: EntityManager | DataSource,
  projectId: string,
  jobId: string,
): Promise<JobReading | undefined> {
  const query = manager
    .createQueryBuilder(Job, 'job')
    .where('job.id = :jobId AND job.projectId = :projectId', { jobId, projectId });
  const { entities, raw } = await withReadings(query).getRawAndEntities<RawReading>();
  return entities[0] && readingOf(entities[0], raw[0]);
}
