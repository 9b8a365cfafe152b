/** The side of a child process that answers its parent's calls. */
import { z } from 'zod';
import { factsOf, LowrankError } from '#base/errors.js';
import { LoopDelayMeter } from '#base/loop-delay.js';
import { callOf, type LoopReport, type Methods, type Reply, request } from '#contracts/process-calls.js';

/** One call while it is worked on. */
export interface Call<Update> {
  /** Aborted when the parent does not want the result any more. */
  readonly signal: AbortSignal;
  /** Tells the parent something on the way. */
  readonly update: (value: Update) => void;
}

export type Handlers<M extends Methods> = {
  readonly [K in keyof M]: (
    input: z.output<M[K]['input']>,
    call: Call<z.input<M[K]['update']>>,
  ) => z.input<M[K]['result']> | Promise<z.input<M[K]['result']>>;
};

export interface ServeOptions {
  /** Told when the parent is gone, after every call was cancelled; ends the process by default. */
  readonly onParentGone?: () => void;
}

/** Between two reports of the event loop's delay. */
const reportMilliseconds = 5000;

/** Answers calls of the parent process until the channel closes. */
export function serveCalls<M extends Methods>(
  methods: M,
  handlers: Handlers<M>,
  options?: ServeOptions,
): CallServer<M> {
  return new CallServer(methods, handlers, options);
}

class CallServer<M extends Methods> {
  private readonly running = new Map<number, AbortController>();
  private readonly answers = new Set<Promise<void>>();
  private lastSent: Promise<void> = Promise.resolve();

  constructor(
    private readonly methods: M,
    private readonly handlers: Handlers<M>,
    { onParentGone = () => process.exit() }: ServeOptions = {},
  ) {
    if (!process.send)
      throw new LowrankError('usage', 'this program is started by its parent process, not by hand');
    process.on('message', (message) => this.receive(message));
    const meter = new LoopDelayMeter();
    const report = () => this.send({ loopDelay: meter.read() });
    setInterval(report, reportMilliseconds).unref();
    process.once('disconnect', () => {
      for (const abort of this.running.values()) abort.abort(unwanted());
      onParentGone();
    });
  }

  /** Answers the calls that it has, and closes the channel, so that the process can end by itself. */
  async close(): Promise<void> {
    await Promise.all(this.answers);
    await this.lastSent;
    if (process.connected) process.disconnect();
  }

  private receive(message: unknown): void {
    const call = callOf(message);
    // Somebody else's message.
    if (call === undefined) return;
    const parsed = request.safeParse(message);
    if (!parsed.success) this.fail(call, unreadable('a request', parsed.error));
    else if ('cancel' in parsed.data) this.running.get(call)?.abort(unwanted());
    else {
      const answer = this.answer(call, parsed.data.method, parsed.data.input);
      this.answers.add(answer);
      void answer.finally(() => this.answers.delete(answer));
    }
  }

  private async answer(call: number, name: string, input: unknown): Promise<void> {
    const abort = new AbortController();
    this.running.set(call, abort);
    try {
      const method = Object.hasOwn(this.methods, name) ? this.methods[name] : undefined;
      if (!method) throw new LowrankError('message_unreadable', `this process has no method ${name}`);
      const parsed = method.input.safeParse(input);
      if (!parsed.success) throw unreadable(`the input of ${name}`, parsed.error);
      const update = (value: unknown) => this.send({ call, update: value });
      const result: unknown = await this.handlers[name]!(parsed.data as never, {
        signal: abort.signal,
        update,
      });
      this.send({ call, result, residentBytes: process.memoryUsage.rss() });
    } catch (error) {
      this.fail(call, error);
    } finally {
      this.running.delete(call);
    }
  }

  private fail(call: number, error: unknown): void {
    const facts = factsOf(error);
    // The message alone does not tell where a bug is.
    if (facts.code === 'internal_error') console.error(error);
    this.send({ call, error: facts, residentBytes: process.memoryUsage.rss() });
  }

  private send(reply: Reply | LoopReport): void {
    // The channel keeps the order, so the last message is there when all are. Without a parent nothing is sent.
    this.lastSent = new Promise((resolve) => {
      if (process.connected && process.send) process.send(reply, () => resolve());
      else resolve();
    });
  }
}

function unwanted(): LowrankError {
  return new LowrankError('cancelled', 'the call was cancelled');
}

function unreadable(what: string, error: z.ZodError): LowrankError {
  return new LowrankError('message_unreadable', `${what} cannot be read: ${z.prettifyError(error)}`);
}
