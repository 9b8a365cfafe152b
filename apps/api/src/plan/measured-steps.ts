/** What is known of the speed of this service: the steps of earlier jobs, and the processors of its workers. */
import type { DataSource } from 'typeorm';
import type { MeasuredSteps } from '#jobs/time-estimate.js';
import { countWork } from '#jobs/work.js';
import type { ModelFolder } from '#models/model-folder.js';

interface MeasuredJob {
  readonly training: Record<string, unknown>;
  readonly choices: readonly { readonly option: string; readonly value: unknown }[];
  readonly plan: Record<string, unknown>;
  readonly seconds: number;
}

/** The median of the newest steps of the newest jobs; a first step takes longer than those that follow. */
const query = `SELECT job.training, job.choices, job.plan, speed.seconds
  FROM job CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY
      (recent."values"->>'tokens')::float8 / nullif((recent."values"->>'tokens_per_second')::float8, 0)) AS seconds
    FROM (SELECT metric."values" FROM metric WHERE metric.job_id = job.id AND metric.kind = 'step'
      ORDER BY metric.seq DESC LIMIT 50) recent
  ) speed
  WHERE job.project_id = $1 AND job.base_identity = $2 AND job.device = $3 AND job.step >= 5
    AND job.choices IS NOT NULL AND job.plan IS NOT NULL AND speed.seconds > 0
  ORDER BY job.created_at DESC LIMIT 20`;

export async function measuredSteps(
  database: DataSource,
  of: { readonly projectId: string; readonly baseIdentity: string; readonly device: string },
  { config, tree }: Pick<ModelFolder, 'config' | 'tree'>,
): Promise<MeasuredSteps[]> {
  const jobs = await database.query<MeasuredJob[]>(query, [of.projectId, of.baseIdentity, of.device]);
  return jobs.flatMap(({ training, choices, plan, seconds }) => {
    const option = (name: string) =>
      Number(choices.find((choice) => choice.option === name)?.value ?? training[name]);
    const operations = countWork({
      config,
      modelParameters: tree.parameterCount,
      trainableParameters: Number(plan['trainable_parameters']),
      blockLength: option('block_length'),
      batchSize: option('batch_size'),
      accumulation: Number(training['gradient_accumulation_steps'] ?? 1),
    }).step;
    return Number.isFinite(operations) ? [{ operations, secondsPerStep: seconds }] : [];
  });
}

/** Cores of the largest machine on which a worker is alive; null if there is none. */
export async function coresOfWorkers(database: DataSource, lostSeconds: number): Promise<number | null> {
  const [row] = await database.query<{ cores: number | null }[]>(
    `SELECT max((device->>'cores')::int) AS cores FROM worker CROSS JOIN LATERAL jsonb_array_elements(devices) device
     WHERE stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => $1)`,
    [lostSeconds],
  );
  return row?.cores ?? null;
}
