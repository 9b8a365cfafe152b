/** Fine-tuned models and checkpoints by name: a project's own, and those that others let it use. */
import { type EntityManager, IsNull } from 'typeorm';
import { Adapter } from '#platform/database/entities/adapter.js';
import { CheckpointPermission } from '#platform/database/entities/checkpoint-permission.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { Job } from '#platform/database/entities/job.js';
import { isId } from '#platform/ids.js';
import { viewCheckpoint } from '../streams/history-view.js';

/** What a name means. */
export interface TunedModel {
  /** Whose it is. */
  readonly projectId: string;
  readonly kind: 'adapter' | 'checkpoint';
  readonly id: string;
}

/** Whether a row `adapter` may be used by a project that is not its owner. */
export const isLent = (project: string) =>
  `EXISTS (SELECT 1 FROM checkpoint_permission lent WHERE lent.model_id = adapter.id AND lent.project_id = ${project} AND lent.deleted_at IS NULL)`;

/** What a name or id means, whosever it is; names are unique. */
export async function findTunedModel(manager: EntityManager, model: string): Promise<TunedModel | undefined> {
  const adapter = await manager
    .createQueryBuilder(Adapter, 'adapter')
    .select(['adapter.id', 'adapter.projectId'])
    .where('adapter.deletedAt IS NULL AND (adapter.id = :model OR adapter.name = :model)', { model })
    .getOne();
  if (adapter) return { kind: 'adapter', id: adapter.id, projectId: adapter.projectId };
  return findCheckpoint(manager, model);
}

/** The same if a project may use it. */
export async function findUsableModel(
  manager: EntityManager,
  projectId: string,
  model: string,
): Promise<TunedModel | undefined> {
  const found = await findTunedModel(manager, model);
  if (!found || found.projectId === projectId) return found;
  const isPermitted = await manager.existsBy(CheckpointPermission, {
    modelId: found.id,
    projectId,
    deletedAt: IsNull(),
  });
  return isPermitted ? found : undefined;
}

async function findCheckpoint(manager: EntityManager, model: string): Promise<TunedModel | undefined> {
  const [, jobEnd, step] = /:(\w{1,64}):ckpt-step-(\d{1,9})$/.exec(model) ?? [];
  const rows = isId('ftckpt', model)
    ? await manager.findBy(Checkpoint, { id: model })
    : await manager.findBy(Checkpoint, { jobId: `ftjob-${jobEnd}`, step: Number(step ?? -1) });
  for (const row of rows) {
    const job = await manager.findOneBy(Job, { id: row.jobId });
    if (!job) continue;
    if (row.id === model || viewCheckpoint(row, job).fine_tuned_model_checkpoint === model) {
      return { kind: 'checkpoint', id: row.id, projectId: job.projectId };
    }
  }
  return undefined;
}
