/** What all tasks are answered with. */
import type { TaskMember } from '#jobs/task-kinds/task-kind.js';
import type { Task } from '#platform/database/entities/task.js';
import { unixSeconds } from '../http/unix-seconds.js';

export function viewTask({ id, createdAt, finishedAt, state, progress, waiting, tryAfter, error }: Task) {
  return {
    id,
    created_at: unixSeconds(createdAt),
    finished_at: finishedAt && unixSeconds(finishedAt),
    status: state,
    progress,
    waiting:
      state === 'queued' && waiting
        ? {
            code: waiting.code,
            message: waiting.message,
            since: unixSeconds(new Date(waiting.since)),
            retry_at: tryAfter && unixSeconds(tryAfter),
          }
        : null,
    error,
  };
}

/** A member as it was asked for. */
export function viewMember({ id, kind, weight }: Pick<TaskMember, 'id' | 'kind' | 'weight'>) {
  return kind === 'adapter' ? { adapter: id, weight } : { checkpoint: id, weight };
}
