/**
 * Composes adapters or merges them into their base model, in a process of its own: the argument is a file with the job,
 * and what it does is told to the parent. It ends when its parent does.
 */
import { readFile } from 'node:fs/promises';
import { Composition } from '#adapters/composition.js';
import { exportMerged } from '#adapters/export-merged.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { type BakeJob, bakeJob, type BakeMessage } from '#contracts/bake-messages.js';
import { type CompositionReportObject, viewReport } from '#contracts/composition-report.js';
import { factsOf } from '#base/errors.js';

const progressMilliseconds = 250;

function tell(message: BakeMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(message, () => resolve());
    else resolve();
  });
}

/** Tells some of many steps, and always the last of a stage. */
function progressTeller(): (stage: string, done: number, total: number) => void {
  let toldAt = -Infinity;
  return (stage, done, total) => {
    if (done < total && performance.now() - toldAt < progressMilliseconds) return;
    toldAt = performance.now();
    void tell({ type: 'progress', stage, done, total });
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

async function bake(job: BakeJob): Promise<CompositionReportObject | null> {
  const onProgress = progressTeller();
  const members = await membersOf(job);
  if (job.kind === 'composition') {
    const hooks = {
      onProgress: ({ stage, done, total }: { stage: string; done: number; total: number }) =>
        onProgress(stage, done, total),
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

process.once('disconnect', () => process.exit(1));
try {
  const job = bakeJob.parse(JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')));
  await tell({ type: 'done', report: await bake(job) });
} catch (error) {
  await tell({ type: 'failed', error: factsOf(error) });
}
process.exit(0);
