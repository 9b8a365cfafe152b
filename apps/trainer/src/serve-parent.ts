/** A trainer with a parent process: it waits to be told its job. */
import { serveCalls } from '#contracts/serve-calls.js';
import { trainerMethods } from '#contracts/trainer-calls.js';
import { exitCodeOfEnd, exitCodeOfError, exitCodes } from './exit-codes.js';
import type { RunControl } from './run-control.js';
import { runJob } from './run-job.js';

/** Does the one job that the parent sends; yields the exit code. */
export async function serveParent(control: RunControl): Promise<number> {
  let isAsked = false;
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => (end = resolve));
  control.signal.addEventListener('abort', () => {
    if (!isAsked) end(exitCodes.cancelled);
  });
  const server = serveCalls(
    trainerMethods,
    {
      async train({ job_file: jobFile, resume }, { signal, update }) {
        isAsked = true;
        signal.addEventListener('abort', () => control.stop({ checkpoint: false }));
        try {
          const result = await runJob({
            jobFile,
            resume,
            onUpdate: update,
            takeCheckpointRequest: () => control.takeCheckpointRequest(),
            signal: control.signal,
          });
          end(exitCodeOfEnd(result));
          return result;
        } catch (error) {
          end(exitCodeOfError(error));
          throw error;
        }
      },
      stop(how) {
        control.stop(how);
        return null;
      },
      checkpoint() {
        control.requestCheckpoint();
        return null;
      },
    },
    // Nobody waits for the result.
    { onParentGone: () => control.stop({ checkpoint: false }) },
  );
  const code = await ended;
  await server.close();
  return code;
}
