/** A task as the process runs it that was started for it. */
import { openMembers } from '#adapters/open-members.js';
import type { TaskJob } from '#contracts/task-calls.js';
import type { TaskKinds } from '#jobs/task-kinds/task-kind.js';
import type { TaskProgress } from '#platform/database/entities/task.js';

const progressMilliseconds = 250;

/** Tells some of many steps, and always the last of a stage. Throws what the kind's `run` and `openMembers` throw. */
export async function runTask(
  kinds: TaskKinds,
  job: TaskJob,
  onProgress: (progress: TaskProgress) => void,
): Promise<unknown> {
  const kind = kinds.of(job.kind);
  let sentAt = -Infinity;
  return kind.run({
    input: kind.input.parse(job.input),
    members: await openMembers(job.members),
    folders: job.members.map(({ folder }) => folder),
    hub: job.hub,
    baseFolder: job.base_folder ?? '',
    output: job.output,
    onProgress: (progress) => {
      if (progress.done < progress.total && performance.now() - sentAt < progressMilliseconds) return;
      sentAt = performance.now();
      onProgress(progress);
    },
  });
}
