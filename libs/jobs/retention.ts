/** Which checkpoints of a job stay in the object store. */
import { type EntityManager, In } from 'typeorm';
import { type OptionsRow, resolvedOf } from '#jobs/job-options.js';
import { Checkpoint, type ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { Job } from '#platform/database/entities/job.js';

/**
 * Removes the rows of all but the newest checkpoints, the best and those that a
 * composition or export is reading, and yields the files that no row names any more. As
 * many are kept as the training option `keep_checkpoints` says. The caller holds the job's row.
 */
export async function keepCheckpoints(
  manager: EntityManager,
  job: OptionsRow & Readonly<Pick<Job, 'id'>>,
): Promise<ManifestFile[]> {
  const jobId = job.id;
  const kept = resolvedOf(job).training.keep_checkpoints;
  const all = await manager.find(Checkpoint, { where: { jobId }, order: { step: 'DESC' } });
  // The newest that was the best when it was written is the best of all.
  const best = all.find((checkpoint) => checkpoint.best);
  const outdated = all.filter((checkpoint) => checkpoint.best && checkpoint !== best);
  if (outdated.length > 0) {
    await manager.update(Checkpoint, { id: In(outdated.map(({ id }) => id)) }, { best: false });
  }
  const held = await manager.query<{ id: string }[]>(
    `SELECT checkpoint.id FROM checkpoint JOIN task ON task.input_ids ? checkpoint.id
     WHERE checkpoint.job_id = $1 AND task.state IN ('queued', 'running')`,
    [jobId],
  );
  const stays = new Set([best?.id, ...held.map(({ id }) => id)]);
  const released = all.slice(kept).filter(({ id }) => !stays.has(id));
  if (released.length === 0) return [];
  await manager.delete(Checkpoint, { id: In(released.map(({ id }) => id)) });
  return released.flatMap(({ files }) => files);
}
