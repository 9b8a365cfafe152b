/** Why jobs wait, kept in their rows: written when a job is made or cannot be taken, and brought up to date for all. */
import type { DataSource, EntityManager } from 'typeorm';
import { isDue, neededBytes, wantedDevice } from '#jobs/needs.js';
import { type JobNeeds, Placement, type Reason } from '#jobs/placement.js';
import type { WaitingReason } from '#platform/database/entities/waiting-reason.js';

/** Reasons of jobs that wait for nothing but their turn. */
const turnCodes = ['device_busy', 'worker_missing'] as const;

/** A reason that begins now, as a row keeps it. */
export function reasonFromNow(reason: Reason | null): WaitingReason | null {
  return reason && { ...reason, since: new Date().toISOString() };
}

/**
 * Whether a job waits for its turn, or for any worker at all, and so stands in the queue. One that waits for something else
 * stays out of it, in nobody's way: the workers that are there could only put it back.
 */
export function isInLine(reason: Pick<Reason, 'code'> | null): boolean {
  return reason === null || turnCodes.some((code) => code === reason.code);
}

/** The same of a row. */
export const inLine = (job: string): string =>
  `${job}.state = 'queued' AND coalesce(${job}.waiting->>'code', '${turnCodes[0]}') IN (${turnCodes.map((code) => `'${code}'`).join(', ')})`;

/** Gives every job that may be taken now, or only the one with `jobId`, its reason; yields whether one could run now. */
export async function refreshReasons(
  database: DataSource,
  options: { readonly lostSeconds: number; readonly jobId?: string },
): Promise<boolean> {
  const { lostSeconds, jobId = null } = options;
  return database.transaction(async (manager) => {
    if (jobId === null && !(await isAlone(manager))) return false;
    const which = `${isDue} AND ($1::text IS NULL OR job.id = $1)`;
    const groups = await manager.query<JobNeeds[]>(
      `SELECT device, bytes AS "memoryBytes" FROM
         (SELECT ${wantedDevice} AS device, ${neededBytes} AS bytes FROM job WHERE ${which}) needs
       GROUP BY device, bytes`,
      [jobId],
    );
    if (groups.length === 0) return false;
    let canRun = false;
    const placement = await Placement.read(manager, lostSeconds);
    for (const needs of groups) {
      const reason = placement.reasonFor(needs);
      canRun ||= reason === null;
      // Which job keeps a device busy changes often, and is no news for those that wait.
      const news =
        reason === null
          ? 'waiting IS NOT NULL'
          : `waiting->>'code' IS DISTINCT FROM $4::jsonb->>'code'
             OR waiting->>'message' IS DISTINCT FROM $4::jsonb->>'message'`;
      await manager.query(
        `WITH changed AS (
           UPDATE job SET waiting = $4::jsonb
           WHERE ${which} AND ${wantedDevice} = $2 AND ${neededBytes} = $3 AND (${news})
           RETURNING id)
         SELECT pg_notify('lowrank_job', id) FROM changed`,
        [jobId, needs.device, needs.memoryBytes, reason && JSON.stringify(reasonFromNow(reason))],
      );
    }
    return canRun;
  });
}

/** Lets all jobs on a version of a base model wait for something that has to be mended; workers look at them again after `seconds`. */
export async function holdJobsOn(
  database: DataSource,
  { name, identity }: { readonly name: string; readonly identity: string },
  reason: Reason,
  seconds: number,
): Promise<void> {
  await database.query(
    `WITH held AS (
       UPDATE job SET try_after = now() + make_interval(secs => $3), waiting =
         CASE WHEN waiting->>'code' = $2::jsonb->>'code' AND waiting->>'message' = $2::jsonb->>'message'
           THEN waiting ELSE $2::jsonb END
       WHERE ${isDue} AND model = $1 AND base_identity = $4 RETURNING id)
     SELECT pg_notify('lowrank_job', id) FROM held`,
    [name, JSON.stringify(reasonFromNow(reason)), seconds, identity],
  );
}

/** One process at a time is enough; the lock goes with the transaction. */
async function isAlone(manager: EntityManager): Promise<boolean> {
  const [row] = await manager.query<{ alone: boolean }[]>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended('lowrank waiting reasons', 0)) AS alone`,
  );
  return row!.alone;
}
