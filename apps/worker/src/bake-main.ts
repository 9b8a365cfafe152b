/** Composes adapters or merges them into their base model for the worker that forked it. It ends when its parent does. */
import { Composition } from '#adapters/composition.js';
import { exportMerged } from '#adapters/export-merged.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { type BakeJob, bakeMethods } from '#contracts/bake-calls.js';
import { type CompositionReportObject, viewReport } from '#contracts/composition-report.js';
import { serveCalls } from '#contracts/serve-calls.js';

const progressMilliseconds = 250;

interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** Tells some of many steps, and always the last of a stage. */
function progressTeller(tell: (progress: Progress) => void) {
  let toldAt = -Infinity;
  return (stage: string, done: number, total: number): void => {
    if (done < total && performance.now() - toldAt < progressMilliseconds) return;
    toldAt = performance.now();
    tell({ stage, done, total });
  };
}

async function membersOf({ members }: BakeJob) {
  return Promise.all(
    members.map(async ({ name, folder, weight, base }) => ({
      adapter: { ...(await openAdapter(folder)), name },
      weight,
      base,
    })),
  );
}

async function bake(
  job: BakeJob,
  tell: (progress: Progress) => void,
): Promise<CompositionReportObject | null> {
  const onProgress = progressTeller(tell);
  const members = await membersOf(job);
  if (job.kind === 'composition') {
    const hooks = {
      onProgress: ({ stage, done, total }: Progress) => onProgress(stage, done, total),
    };
    const composition = await Composition.open(members, hooks);
    return viewReport(await composition.write(job.output, job.form, hooks));
  }
  await exportMerged(job.base_folder, members, job.output, {
    dtype: job.dtype,
    ...(job.max_shard_bytes === undefined ? {} : { maxShardBytes: job.max_shard_bytes }),
    onProgress: ({ doneBytes, totalBytes }) => onProgress('write', doneBytes, totalBytes),
  });
  return null;
}

serveCalls(bakeMethods, { bake: (job, { update }) => bake(job, update) });
