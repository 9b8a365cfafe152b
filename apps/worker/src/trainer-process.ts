/** A trainer process, as the worker starts it: it waits to be told its job. */
import { LowrankError } from '#base/errors.js';
import { trainerMethods } from '#contracts/trainer-calls.js';
import type { Log } from '#jobs/parts.js';
import { howEnded, ProcessClient, type ProcessExit } from '#platform/process-client.js';
import { trainingEnvironment } from '#runtime/process-environment.js';

export type TrainerProcess = ProcessClient<typeof trainerMethods>;

/** Signals that come from outside: of a person, or of a machine without memory. */
const outerSignals = new Set<NodeJS.Signals>(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);

/** A trainer that ended without a word. */
export class TrainerDied extends LowrankError {
  constructor(readonly exit: ProcessExit) {
    const isOuter = exit.signal !== null && outerSignals.has(exit.signal);
    const tail = isOuter ? '' : exit.output.trim().split('\n').slice(-5).join('\n');
    const message = `The trainer ended ${howEnded(exit)}${tail ? `: ${tail}` : ''}`;
    super(isOuter ? 'trainer_killed' : 'trainer_crashed', message);
  }
}

export function startTrainer(
  main: string,
  log: Log,
  environment: Readonly<Record<string, string>> = {},
): TrainerProcess {
  return new ProcessClient({
    methods: trainerMethods,
    name: 'trainer',
    main,
    args: ['--wait'],
    environment: { ...trainingEnvironment, ...environment },
    log,
    died: (exit) => new TrainerDied(exit),
  });
}
