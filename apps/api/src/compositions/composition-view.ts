import type { CompositionReportObject } from '#contracts/composition-report.js';
import type { CompositionObject, ExportObject } from '#contracts/http/compositions.js';
import { compositionInput, exportInput, type TaskMember } from '#jobs/task-input.js';
import type { Task } from '#platform/database/entities/task.js';
import { ApiError } from '../errors/api-error.js';
import { unixSeconds } from '../http/unix-seconds.js';

/** A composition as it is answered. */
export function viewComposition(task: Task): CompositionObject {
  const { model, members, form, suffix } = compositionInput(task);
  return {
    ...viewTask(task),
    object: 'composition',
    model,
    members: members.map(viewMember),
    rank: form.kind === 'rank' ? form.rank : null,
    energy: form.kind === 'energy' ? form.energy : null,
    suffix,
    report: task.report as CompositionReportObject | null,
    adapter: task.adapterId,
  };
}

/** A member as it was asked for. */
export function viewMember({ id, kind, weight }: Pick<TaskMember, 'id' | 'kind' | 'weight'>) {
  return kind === 'adapter' ? { adapter: id, weight } : { checkpoint: id, weight };
}

/** An export as it is answered. */
export function viewExport(task: Task): ExportObject {
  const { model, members, dtype, max_shard_bytes } = exportInput(task);
  const [member] = members;
  const files = task.files ?? [];
  return {
    ...viewTask(task),
    object: 'export',
    model,
    adapter: member?.kind === 'adapter' ? member.id : null,
    checkpoint: member?.kind === 'checkpoint' ? member.id : null,
    dtype,
    max_shard_bytes,
    files: files.map(({ path, bytes, sha256 }) => ({ name: path, bytes, sha256 })),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Why a task cannot be cancelled. */
export function taskFinished({ id, kind, state }: Task): ApiError {
  const message = `the ${kind} ${id} is ${state}: only one that waits or runs can be cancelled; delete it instead`;
  return new ApiError(`${kind}_finished`, message, { param: 'id' });
}

function viewTask({ id, createdAt, finishedAt, state, progress, waiting, tryAfter, error }: Task) {
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
