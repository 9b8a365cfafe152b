/** A consumer that outlives its backend: it is made anew as often as BullMQ's worker gives up. */
import type { IQueueBackend, Job } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '#platform/log.js';
import { type BullBackend, type Delivery, QUEUE_NAME } from '#platform/queue/bullmq-backend.js';
import type { Consumer, DeliveryHandler } from '#platform/queue/job-queue.js';

/** What is used of BullMQ's worker. */
interface BullWorker {
  waitUntilReady(): Promise<unknown>;
  run(): Promise<void>;
  close(force?: boolean): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A delivery whose worker died comes again after this time at most, plus twice the interval of the check. */
const LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5000;
const RETRY_MS = 1000;
/** Handlers have ended by then; what remains is to tell the backend so. */
const CLOSE_MS = 5000;
/** The same trouble comes many times a second while a backend is away. */
const QUIET_MS = 10_000;

export class BullConsumer<B extends IQueueBackend, C> implements Consumer {
  private readonly running = new Map<AbortController, Promise<void>>();
  private readonly closing = new AbortController();
  private readonly supervised: Promise<void>;
  private worker: BullWorker | undefined;
  private lastWarning = -Infinity;

  constructor(
    private readonly backend: BullBackend<B, C>,
    private readonly handler: DeliveryHandler,
    private readonly concurrency: number,
    private readonly log: Log,
  ) {
    this.supervised = this.supervise();
  }

  async close({ abort = false }: { abort?: boolean } = {}): Promise<void> {
    this.closing.abort();
    // BullMQ stops to take deliveries at once, and waits for those that run.
    const closed = this.worker?.close();
    closed?.catch((err: Error) => this.warn(err));
    if (abort) for (const controller of this.running.keys()) controller.abort();
    await Promise.allSettled(this.running.values());
    // Without its backend, BullMQ waits for ever; a delivery that it could not finish comes again, which is harmless.
    await Promise.race([Promise.all([closed, this.supervised]), delay(CLOSE_MS, undefined, { ref: false })]);
  }

  private async supervise(): Promise<void> {
    while (!this.closing.signal.aborted) {
      const worker = this.makeWorker();
      try {
        // Postgres: a first connection that fails is never tried again by the worker itself.
        await worker.waitUntilReady();
        this.worker = worker;
        if (this.closing.signal.aborted) void worker.close();
        await worker.run();
      } catch (error) {
        this.warn(error as Error);
      }
      if (this.closing.signal.aborted) return;
      this.worker = undefined;
      worker.close(true).catch((err: Error) => this.warn(err));
      await delay(RETRY_MS, undefined, { signal: this.closing.signal }).catch(() => undefined);
    }
  }

  private makeWorker(): BullWorker {
    const { classes, consumerConnection, prefix } = this.backend;
    const worker: BullWorker = new classes.Worker<Delivery, void>(QUEUE_NAME, (job) => this.deliver(job), {
      connection: consumerConnection,
      prefix,
      autorun: false,
      concurrency: this.concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: 1_000_000,
      runRetryDelay: RETRY_MS,
      settings: { backoffStrategy: pauseAfter },
    });
    worker.on('error', (error) => this.warn(error));
    return worker;
  }

  private async deliver(job: Job<Delivery, void>): Promise<void> {
    const controller = new AbortController();
    if (this.closing.signal.aborted) throw new Error('the consumer is closing');
    const handled = this.handler(job.data.jobId, controller.signal);
    this.running.set(controller, handled);
    try {
      await handled;
    } catch (err) {
      this.log.warn({ err, jobId: job.data.jobId }, 'a delivery failed and comes again');
      throw err;
    } finally {
      this.running.delete(controller);
    }
  }

  private warn(err: Error): void {
    const now = performance.now();
    const level = this.closing.signal.aborted || now - this.lastWarning < QUIET_MS ? 'debug' : 'warn';
    if (level === 'warn') this.lastWarning = now;
    this.log[level]({ err }, `a consumer of the queue in ${this.backend.title} had an error; it goes on`);
  }
}

/** Milliseconds before a delivery that failed comes again: half a second, doubled up to half a minute. */
export function pauseAfter(failures: number): number {
  return Math.min(30_000, 500 * 2 ** Math.min(failures - 1, 16));
}
