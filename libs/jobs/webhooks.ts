/** What webhooks are told, written down with the change that they are told of. */
import type { EntityManager } from 'typeorm';
import type { Job, JobState } from '#platform/database/entities/job.js';
import { WebhookDelivery } from '#platform/database/entities/webhook-delivery.js';
import { newId } from '#platform/ids.js';

/** Notes for every webhook that wants to know of it that a job has ended. */
export async function noteEnd(
  manager: EntityManager,
  { id, projectId }: Job,
  state: JobState,
): Promise<void> {
  const type = `fine_tuning.job.${state}`;
  const hooks = await manager.query<{ id: string }[]>(
    'SELECT id FROM webhook WHERE project_id = $1 AND events ? $2 AND deleted_at IS NULL',
    [projectId, type],
  );
  if (hooks.length === 0) return;
  const rows = hooks.map((hook) => ({ id: newId('evt'), webhookId: hook.id, type, data: { id } }));
  await manager.insert(WebhookDelivery, rows);
}
