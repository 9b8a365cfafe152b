/** Jobs that are over and that nobody wants to see any more. */
import type { DataSource, EntityManager } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import type { Log } from '#jobs/parts.js';
import { isTerminal, lockJob } from '#jobs/transitions.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { JobEvent } from '#platform/database/entities/job-event.js';
import { Job } from '#platform/database/entities/job.js';
import { Metric } from '#platform/database/entities/metric.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import type { ObjectStore } from '#platform/objects/object-store.js';

interface DeletionParts {
  readonly database: DataSource;
  readonly objects: ObjectStore;
  readonly log: Log;
}

/**
 * Deletes a job that is over with its events, metrics, checkpoints and results; its adapter and its data stay. Its row
 * keeps its place in lists for a while.
 *
 * Throws LowrankError `job_not_found`, `job_not_finished`, and `job_in_use` while something reads one of its checkpoints.
 */
export async function deleteJob(parts: DeletionParts, projectId: string, jobId: string): Promise<void> {
  const keys = await parts.database.transaction(async (manager) => {
    const job = await lockJob(manager, jobId);
    if (job?.projectId !== projectId) {
      const message = `there is no fine-tuning job ${jobId}`;
      throw new LowrankError('job_not_found', message, { details: { job: jobId } });
    }
    requireFinished(job);
    await requireUnread(manager, jobId);
    const released = await releasedObjects(manager, jobId);
    for (const entity of [Checkpoint, Metric, JobEvent, Attempt]) await manager.delete(entity, { jobId });
    if (job.resultFileId !== null) {
      await manager.update(StoredFile, { id: job.resultFileId }, { deletedAt: () => 'now()' });
    }
    await manager.update(Job, { id: jobId }, { deletedAt: () => 'now()' });
    return released;
  });
  try {
    for (const key of keys) await parts.objects.delete(key);
  } catch (err) {
    parts.log.warn({ err, job: jobId }, 'objects of a deleted job are removed by the next sweep');
  }
}

function requireFinished({ id, state }: Readonly<Job>): void {
  if (isTerminal(state)) return;
  throw new LowrankError(
    'job_not_finished',
    `job ${id} is ${state}: cancel it and delete it once it has stopped`,
    { details: { job: id, state } },
  );
}

async function requireUnread(manager: EntityManager, jobId: string): Promise<void> {
  const [reader] = await manager.query<{ id: string; checkpoint: string }[]>(
    `SELECT task.id, checkpoint.id AS checkpoint FROM checkpoint JOIN task ON task.input_ids ? checkpoint.id
     WHERE checkpoint.job_id = $1 AND task.state IN ('queued', 'running') LIMIT 1`,
    [jobId],
  );
  if (reader === undefined) return;
  throw new LowrankError(
    'job_in_use',
    `${reader.id} needs the checkpoint ${reader.checkpoint} of job ${jobId}: wait until it is done, or cancel it`,
    { details: { job: jobId, task: reader.id } },
  );
}

/** Keys of checkpoints' objects that no adapter has. */
async function releasedObjects(manager: EntityManager, jobId: string): Promise<string[]> {
  const checkpoints = await manager.findBy(Checkpoint, { jobId });
  const adapters = await manager.findBy(Adapter, { jobId });
  const kept = new Set(adapters.flatMap(({ files }) => files.map(({ key }) => key)));
  return checkpoints.flatMap(({ files }) => files.map(({ key }) => key)).filter((key) => !kept.has(key));
}
