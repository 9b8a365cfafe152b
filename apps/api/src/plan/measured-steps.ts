/** What is known of the speed of this service: the steps of earlier jobs, and the processors of its workers. */
import type { DataSource } from 'typeorm';
import { resolvedOf } from '#jobs/job-options.js';
import type { Processor } from '#jobs/time-estimate.js';
import { defaultPrecision } from '#training/base-precision/declared.js';
import { machineSpeed } from '#training/speed/speed-points.js';
import type { EarlierShape } from '#jobs/planner-calls.js';
import type { ResolvedOptions } from '#training/resolved-options.js';

interface MeasuredJob {
  readonly training: Record<string, unknown>;
  readonly resolved: ResolvedOptions | null;
  readonly choices: Record<string, unknown>[];
  readonly plan: Record<string, unknown>;
  readonly seconds: number;
}

/** The median of the newest steps of the newest jobs; a first step takes longer than those that follow. */
const query = `SELECT job.training, job.resolved, job.choices, job.plan, speed.seconds
  FROM job CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY
      (recent."values"->>'tokens')::float8 / nullif((recent."values"->>'tokens_per_second')::float8, 0)) AS seconds
    FROM (SELECT metric."values" FROM metric WHERE metric.job_id = job.id AND metric.kind = 'step'
      ORDER BY metric.seq DESC LIMIT 50) recent
  ) speed
  WHERE job.project_id = $1 AND job.base_identity = $2 AND job.device = $3 AND job.step >= 5
    AND coalesce(job.training->>'base_precision', $4) = $5
    AND job.choices IS NOT NULL AND job.plan IS NOT NULL AND speed.seconds > 0
  ORDER BY job.created_at DESC LIMIT 20`;

/** Columns that say nothing about speed. */
const unused = { requested: null, lora: null, device: 'auto', seed: 0, initAdapterId: null };

/** A job whose steps were measured. */
export interface EarlierJob extends EarlierShape {
  readonly secondsPerStep: number;
}

/** The newest jobs of a project on a base in a precision and on a device. */
export async function earlierJobs(
  database: DataSource,
  of: {
    readonly projectId: string;
    readonly baseIdentity: string;
    readonly device: string;
    readonly precision: unknown;
  },
): Promise<EarlierJob[]> {
  const jobs = await database.query<MeasuredJob[]>(query, [
    of.projectId,
    of.baseIdentity,
    of.device,
    defaultPrecision,
    of.precision,
  ]);
  return jobs.flatMap(({ plan, seconds, ...row }) => {
    const { training, chosen } = resolvedOf({ ...row, ...unused });
    const option = (name: 'block_length' | 'batch_size') => {
      const choice = row.choices.find((made) => made['option'] === name);
      return Number(chosen?.[name] ?? choice?.['value'] ?? training[name]);
    };
    const shape = {
      trainableParameters: Number(plan['trainable_parameters']),
      blockLength: option('block_length'),
      batchSize: option('batch_size'),
      accumulation: training.gradient_accumulation_steps,
    };
    return Object.values(shape).every(Number.isFinite) ? [{ ...shape, secondsPerStep: seconds }] : [];
  });
}

/** The largest machine on which a worker is alive; null if there is none. */
export async function largestProcessor(database: DataSource, lostSeconds: number): Promise<Processor | null> {
  const [row] = await database.query<{ cores: number; speed: unknown }[]>(
    `SELECT (device->>'cores')::int AS cores, device->'speed' AS speed
     FROM worker CROSS JOIN LATERAL jsonb_array_elements(devices) device
     WHERE stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => $1) AND device->>'cores' IS NOT NULL
     ORDER BY cores DESC, device->'speed' IS NULL LIMIT 1`,
    [lostSeconds],
  );
  if (!row) return null;
  // A worker of another version may have told something else.
  const { data: speed = null } = machineSpeed.safeParse(row.speed);
  return { cores: row.cores, speed };
}
