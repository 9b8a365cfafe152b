/** The process that runs a task, as the worker sees it. */
import { LowrankError } from '#base/errors.js';
import { type TaskJob, taskMethods } from '#contracts/task-calls.js';
import type { TaskProgress } from '#platform/database/entities/task.js';
import { howEnded, ProcessClient } from '#platform/process-client.js';
import { processMain } from '#platform/program.js';

/** Runs a task and yields what its kind's `run` gives. */
export type RunTask = (
  job: TaskJob,
  signal: AbortSignal,
  onProgress: (progress: TaskProgress) => void,
) => Promise<unknown>;

/**
 * Runs a task in a process of its own. Throws what the work throws, LowrankError `task_died` if the process ends without
 * an answer, and the signal's reason when the process is gone.
 */
export const runInProcess: RunTask = async (job, signal, onProgress) => {
  signal.throwIfAborted();
  const process = new ProcessClient({
    methods: taskMethods,
    main: processMain('task'),
    died: (exit) =>
      new LowrankError(
        'task_died',
        `the process that works on adapters ended ${howEnded(exit)}: ${exit.output.trim()}`,
      ),
  });
  try {
    return await process.call('run', job, { signal, onUpdate: onProgress, graceSeconds: 0 });
  } finally {
    process.kill();
    await process.ended;
  }
};
