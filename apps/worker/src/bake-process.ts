/** The process that composes and exports, as the worker sees it. */
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { type BakeJob, bakeMethods } from '#contracts/bake-calls.js';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import type { TaskProgress } from '#platform/database/entities/task.js';
import { howEnded, ProcessClient } from '#platform/process-client.js';

/** The compiled entry beside this one. */
const bakeMain = join(import.meta.dirname, 'bake-main.js');

/**
 * Does a job in a process of its own. Throws what the work throws, LowrankError `bake_died` if the process ends without a
 * word, and the signal's reason when the process is gone.
 */
export async function runBake(
  job: BakeJob,
  signal: AbortSignal,
  onProgress: (progress: TaskProgress) => void,
): Promise<CompositionReportObject | null> {
  signal.throwIfAborted();
  const process = new ProcessClient({
    methods: bakeMethods,
    main: bakeMain,
    died: (exit) =>
      new LowrankError(
        'bake_died',
        `the process that works on adapters ended ${howEnded(exit)}: ${exit.output.trim()}`,
      ),
  });
  try {
    return await process.call('bake', job, { signal, onUpdate: onProgress, graceSeconds: 0 });
  } finally {
    process.kill();
    await process.ended;
  }
}
