/** Processes that compute for a server: trainings, compositions, answers. */
import { type ChildProcess, fork } from 'node:child_process';
import { constants, getPriority, setPriority } from 'node:os';

/**
 * After this process, by so much: whoever uses the machine, and the service itself, come first, then answers that somebody
 * waits for, then trainings.
 */
const niceness = {
  awaited: constants.priority.PRIORITY_BELOW_NORMAL / 2,
  training: constants.priority.PRIORITY_BELOW_NORMAL,
} as const;

export interface ComputingOptions {
  /** Beside that of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether somebody waits for its answers, so that it comes before those that train. */
  readonly isAwaited?: boolean;
}

/** Numbers are computed for other people's machines: nothing of the service's own secrets is needed for that. */
const secrets = ['DATABASE_URL', 'REDIS_URL', 'S3_ACCESS_KEY', 'S3_SECRET_KEY', 'HF_TOKEN'];
const keptOutput = 4000;

export interface ComputingProcess {
  readonly child: ChildProcess;
  /** The end of what it wrote to its standard output and error. */
  readonly output: () => string;
}

/**
 * Starts a compiled program without this process's secrets and at less than the usual priority, where the system allows
 * that. It talks over IPC. Whoever starts it listens to `error`.
 */
export function forkComputing(
  main: string,
  given: readonly string[],
  { environment = {}, isAwaited = false }: ComputingOptions = {},
): ComputingProcess {
  const env: NodeJS.ProcessEnv = { ...process.env, ...environment };
  for (const name of secrets) delete env[name];
  const child = fork(main, given, { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => (output = (output + text).slice(-keptOutput)));
  }
  try {
    const nice = getPriority() + niceness[isAwaited ? 'awaited' : 'training'];
    if (child.pid !== undefined) setPriority(child.pid, Math.min(nice, constants.priority.PRIORITY_LOW));
  } catch {
    // Not every system lets a process do that.
  }
  return { child, output: () => output };
}
