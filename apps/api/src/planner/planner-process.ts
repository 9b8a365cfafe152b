/** The process that plans and checks uploads, as the API starts it. */
import { LowrankError } from '#base/errors.js';
import type { Methods } from '#contracts/process-calls.js';
import { plannerMethods } from '#jobs/planner-calls.js';
import type { Log } from '#platform/log.js';
import { howEnded, type ProcessClient } from '#platform/process-client.js';
import { type KeepOptions, ProcessOnDemand } from '#platform/process-on-demand.js';
import { processMain } from '#platform/program.js';

/** A process that is there when it is needed; tests have one that is none. */
export interface OnDemand<M extends Methods> {
  hold(): Disposable;
  client(): Pick<ProcessClient<M>, 'call'>;
  end(): Promise<void>;
}

/** Starts what plans. */
export type StartPlanner = (log: Log, options: KeepOptions) => OnDemand<typeof plannerMethods>;

export const startPlanner: StartPlanner = (log, options) =>
  new ProcessOnDemand(
    () => ({
      methods: plannerMethods,
      name: 'planner',
      isAwaited: true,
      main: processMain('planner'),
      log,
      died: (exit) => {
        log.warn({ output: exit.output }, `the process that plans ended ${howEnded(exit)}`);
        return new LowrankError(
          'planner_died',
          `the process that plans jobs and checks uploads ended ${howEnded(exit)}, perhaps for lack of memory: try again`,
        );
      },
    }),
    options,
  );
