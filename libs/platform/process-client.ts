/** The side of a parent process that asks a child: calls with updates, cancellation, a watch over silence, and a clear end. */
import { finished } from 'node:stream/promises';
import { z } from 'zod';
import { errorOf, LowrankError } from '#base/errors.js';
import type { LoopDelay } from '#base/loop-delay.js';
import {
  callOf,
  loopReport,
  type Methods,
  reply,
  type Reply,
  type Request,
} from '#contracts/process-calls.js';
import { type ComputingOptions, type ComputingProcess, forkComputing } from '#platform/computing-process.js';
import { SilenceWatch } from '#platform/silence-watch.js';

/** How a process ended. */
export interface ProcessExit {
  /** Null where a signal ended it, or where it could not be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to its standard output and error. */
  readonly output: string;
}

interface ProcessLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ProcessSettings<M extends Methods> extends ComputingOptions {
  readonly methods: M;
  /** The compiled program. */
  readonly main: string;
  readonly args?: readonly string[];
  /** What the calls that it has not answered fail with when it ends. */
  readonly died: (exit: ProcessExit) => LowrankError;
  /** Told of the start, with the number of the process under this name, and of messages that cannot be read. */
  readonly log?: ProcessLog;
  readonly name?: string;
}

export interface CallOptions<Update> {
  readonly onUpdate?: (update: Update) => void;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Seconds that the process has to end a cancelled call before it is killed; without a deadline as long as it takes. */
  readonly graceSeconds?: number;
  /** Seconds for the whole call; then it fails with `call_timeout` and is cancelled as by the signal. */
  readonly deadlineSeconds?: number;
  /** Seconds that may pass now without an update; then the process is killed and the call fails with `call_silent`. */
  readonly silenceSeconds?: () => number;
}

type Input<M extends Methods, K extends keyof M> = z.input<M[K]['input']>;
type Update<M extends Methods, K extends keyof M> = z.output<M[K]['update']>;
type Result<M extends Methods, K extends keyof M> = z.output<M[K]['result']>;

interface Waiting {
  readonly method: string;
  readonly onUpdate: (update: unknown) => void;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What the channel still holds after the end of a process comes within this time. */
const channelSeconds = 2;
/** After its deadline a call is not waited for without end. */
const defaultGraceSeconds = 5;

/** What processes of this one's last told of their event loops, by the name of their kind. */
const loopDelays = new Map<string, LoopDelay>();
export const childLoopDelays: ReadonlyMap<string, LoopDelay> = loopDelays;

export class ProcessClient<M extends Methods> {
  /** Resolves when the process has ended and everything that it sent was read. */
  readonly ended: Promise<ProcessExit>;
  private readonly process: ComputingProcess;
  private readonly waiting = new Map<number, Waiting>();
  private lastCall = 0;
  private hasEnded = false;
  private isRetired = false;
  private residentBytes = 0;

  /** Starts the process. Calls fail with `settings.died` if that is not possible. */
  constructor(private readonly settings: ProcessSettings<M>) {
    this.process = forkComputing(settings.main, settings.args ?? [], settings);
    const { child } = this.process;
    child.on('message', (message) => this.receive(message));
    child.on('error', (err) =>
      settings.log?.warn({ err, pid: child.pid }, 'a child process could not be reached'),
    );
    settings.log?.info({ [settings.name ?? 'process']: child.pid }, 'a child process was started');
    this.ended = this.end();
  }

  get pid(): number | undefined {
    return this.process.child.pid;
  }

  get isAlive(): boolean {
    const { child } = this.process;
    return !this.hasEnded && child.connected && child.exitCode === null && child.signalCode === null;
  }

  /** Memory that the process had when it last answered a call. */
  get lastResidentBytes(): number {
    return this.residentBytes;
  }

  /** How many calls were not answered yet. */
  get callCount(): number {
    return this.waiting.size;
  }

  /**
   * Asks for something. A call that is cancelled settles when the process has ended it, so that what the process was given
   * may then be removed.
   *
   * Throws the error that the process answers with, `settings.died` if it ends before, `message_unreadable` (the answer is
   * not what was agreed), `call_timeout`, `call_silent`, and the signal's reason.
   */
  async call<K extends keyof M & string>(
    method: K,
    input: Input<M, K>,
    { onUpdate, signal, graceSeconds, deadlineSeconds, silenceSeconds }: CallOptions<Update<M, K>> = {},
  ): Promise<Result<M, K>> {
    signal?.throwIfAborted();
    const call = ++this.lastCall;
    const timers: NodeJS.Timeout[] = [];
    let failure: LowrankError | undefined;
    const cancel = (grace = graceSeconds) => {
      this.send({ call, cancel: true });
      if (grace !== undefined) timers.push(setTimeout(() => this.kill(), 1000 * grace));
    };
    const onAbort = () => cancel();
    const watch =
      silenceSeconds &&
      new SilenceWatch(silenceSeconds, (seconds) => {
        const message = `${method}: the process said nothing for ${Math.round(seconds)} seconds and was ended`;
        failure ??= new LowrankError('call_silent', message);
        this.kill();
      });
    if (deadlineSeconds !== undefined) {
      const expire = () => {
        failure ??= new LowrankError('call_timeout', `${method} took longer than ${deadlineSeconds} seconds`);
        cancel(graceSeconds ?? defaultGraceSeconds);
      };
      timers.push(setTimeout(expire, 1000 * deadlineSeconds));
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const result = await new Promise((resolve, reject) => {
        const take = (update: unknown) => {
          watch?.reset();
          onUpdate?.(update as Update<M, K>);
        };
        this.waiting.set(call, { method, onUpdate: take, resolve, reject });
        if (this.hasEnded) void this.ended.then((exit) => reject(this.settings.died(exit)));
        else this.send({ call, method, input });
      });
      if (failure) throw failure;
      return result as Result<M, K>;
    } catch (error) {
      signal?.throwIfAborted();
      throw failure ?? error;
    } finally {
      this.waiting.delete(call);
      if (this.isRetired && this.waiting.size === 0) this.kill();
      signal?.removeEventListener('abort', onAbort);
      watch?.stop();
      for (const timer of timers) clearTimeout(timer);
    }
  }

  kill(): void {
    if (this.process.child.exitCode === null) this.process.child.kill('SIGKILL');
  }

  /** Ends it when it has answered the calls that it has. */
  retire(): void {
    this.isRetired = true;
    if (this.waiting.size === 0) this.kill();
  }

  private send(request: Request): void {
    // A channel that is closed is seen by the end of the process.
    if (this.process.child.connected) this.process.child.send(request, () => undefined);
  }

  private receive(message: unknown): void {
    const call = callOf(message);
    const waiting = call === undefined ? undefined : this.waiting.get(call);
    if (!waiting) {
      const { success: isReport, data } = loopReport.safeParse(message);
      if (isReport) loopDelays.set(this.settings.name ?? 'process', data.loopDelay);
      else if (call === undefined)
        this.settings.log?.warn({ pid: this.pid }, 'a child process said something unknown');
      return;
    }
    const parsed = reply.safeParse(message);
    if (parsed.success && 'residentBytes' in parsed.data) {
      this.residentBytes = parsed.data.residentBytes ?? this.residentBytes;
    }
    const error = parsed.success ? this.hand(parsed.data, waiting) : parsed.error;
    if (!error) return;
    waiting.reject(
      new LowrankError(
        'message_unreadable',
        `what the process says to ${waiting.method} cannot be read: ${z.prettifyError(error)}`,
      ),
    );
    this.send({ call: call!, cancel: true });
  }

  /** Gives a reply to the call that waits for it; yields what is wrong with it. */
  private hand(message: Reply, { method, onUpdate, resolve, reject }: Waiting): z.ZodError | undefined {
    if ('error' in message) {
      reject(errorOf(message.error));
      return undefined;
    }
    const { update, result } = this.settings.methods[method]!;
    const isUpdate = 'update' in message;
    const parsed = isUpdate ? update.safeParse(message.update) : result.safeParse(message.result);
    if (parsed.success) (isUpdate ? onUpdate : resolve)(parsed.data);
    return parsed.error;
  }

  private async end(): Promise<ProcessExit> {
    const { child, output } = this.process;
    const disconnected = new Promise<void>((resolve) => child.once('disconnect', () => resolve()));
    // Not the event `close`, which may not come after the channel was closed.
    const written = [child.stdout, child.stderr].map(
      (stream) => stream && finished(stream).catch(() => undefined),
    );
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('exit', (code, signal) => resolve([code, signal]));
      child.once('error', () => {
        // One that was started is seen by its end.
        if (child.pid === undefined) resolve([null, null]);
      });
    });
    if (child.pid !== undefined) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, 1000 * channelSeconds)));
      await Promise.race([Promise.all([...written, child.connected && disconnected]), late]);
      clearTimeout(timer);
    }
    this.hasEnded = true;
    const exit = { code, signal, output: output() };
    for (const { reject } of this.waiting.values()) reject(this.settings.died(exit));
    return exit;
  }
}

/** How a process ended, for messages: `by SIGKILL`, `with exit code 1`. */
export function howEnded({ code, signal }: ProcessExit): string {
  if (signal !== null) return `by ${signal}`;
  return code === null ? 'before it began' : `with exit code ${code}`;
}
