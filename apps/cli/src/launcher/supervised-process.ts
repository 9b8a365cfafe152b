/** A child process that is started again when it ends by itself. */
import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { LowrankError } from '#base/errors.js';
import { waitFor } from '#base/wait.js';

export interface ProcessSpec {
  /** What people call it, such as `api`. */
  readonly name: string;
  /** A JavaScript file. */
  readonly main: string;
  readonly arguments?: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** How long it may take to end after SIGTERM, in seconds, before it is killed. */
  readonly graceSeconds: number;
  /** Asked when it ended by itself whether it is to be started again; default: always. */
  readonly restarts?: () => boolean;
  /** Told of each piece of its output. */
  readonly onOutput: (text: string) => void;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Events {
  /** It ended by itself and will be started again after the pause, in seconds. */
  died: [ProcessEnd & { pause: number }];
  started: [pid: number];
  /** It sent the message `{type: 'ready'}`. */
  ready: [];
}

const firstPauseSeconds = 0.25;
const longestPauseSeconds = 30;
/** A process that ran this long was well: what ends it then is a new trouble. */
const wellAfterSeconds = 30;

/**
 * The child has a channel to this process and must end when it closes: then nothing outlives this process, however
 * it ends. It leads a process group of its own, so that Ctrl-C in a terminal does not reach it past this process.
 */
export class SupervisedProcess extends EventEmitter<Events> {
  private child: ChildProcess | undefined;
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;
  private failures = 0;
  private lastEnd: ProcessEnd | undefined;

  constructor(private readonly spec: ProcessSpec) {
    super();
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** How it ended last by itself; undefined if it never did. */
  get end(): ProcessEnd | undefined {
    return this.lastEnd;
  }

  /** Whether it was asked to end. */
  get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Asks it to end and waits; kills it after its grace, or at once if `signal` aborts. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.stopping.abort();
    const { child } = this;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const kill = () => this.kill();
      const timer = setTimeout(kill, 1000 * this.spec.graceSeconds);
      signal?.addEventListener('abort', kill, { once: true });
      if (signal?.aborted) kill();
      await this.loop;
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    }
    await this.loop;
  }

  /** Ends it and what it started at once. */
  kill(): void {
    const pid = this.child?.pid;
    if (pid === undefined) return;
    try {
      if (process.platform === 'win32') this.child?.kill('SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    } catch {
      this.child?.kill('SIGKILL');
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const begin = performance.now();
      const end = await this.runOnce();
      if (signal.aborted) return;
      this.lastEnd = end;
      if (this.spec.restarts?.() === false) return;
      if (performance.now() - begin > 1000 * wellAfterSeconds) this.failures = 0;
      const pause = Math.min(firstPauseSeconds * 2 ** this.failures++, longestPauseSeconds);
      this.emit('died', { ...end, pause });
      await waitFor(1000 * pause, signal).catch(() => undefined);
    }
  }

  private runOnce(): Promise<ProcessEnd> {
    const { main, environment, onOutput } = this.spec;
    const child = fork(main, [...(this.spec.arguments ?? [])], {
      env: environment,
      // Not the flags of this process: a debugger's port, say, can be taken once only.
      execArgv: [],
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => onOutput(text));
    }
    child.on('message', (message) => {
      if ((message as { type?: unknown } | null)?.type === 'ready') this.emit('ready');
    });
    return new Promise((resolve) => {
      child.once('error', () => resolve({ code: null, signal: null }));
      child.once('exit', (code, signal) => resolve({ code, signal }));
      if (child.pid !== undefined) this.emit('started', child.pid);
    });
  }
}

/** Waits until `probe` says yes. Throws `start_failed` if the process ends by itself before, or after the time. */
export async function waitUntilReady(
  child: SupervisedProcess,
  { name, probe, seconds, signal, lastOutput }: ReadyOptions,
): Promise<void> {
  const deadline = performance.now() + 1000 * seconds;
  while (!(await probe())) {
    signal?.throwIfAborted();
    // Another part did not start, and its error is the one to be told.
    if (child.isStopping) return;
    const { end } = child;
    const late = performance.now() > deadline;
    if (end || late) {
      const what = late ? `was not ready after ${seconds} s` : `ended ${describeEnd(end)} while it started`;
      const said = lastOutput();
      throw new LowrankError('start_failed', `the ${name} ${what}${said ? `:\n${said}` : ''}`, {
        details: { name, end },
      });
    }
    await waitFor(100, signal);
  }
}

export interface ReadyOptions {
  readonly name: string;
  readonly probe: () => Promise<boolean>;
  readonly seconds: number;
  readonly signal?: AbortSignal;
  readonly lastOutput: () => string;
}

/** Such as `with code 1`. */
export function describeEnd(end: ProcessEnd | undefined): string {
  return end?.signal ? `by ${end.signal}` : `with code ${end?.code ?? 'unknown'}`;
}
