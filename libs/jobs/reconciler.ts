/** Finds jobs that nobody works on though somebody should, and puts them back; keeps the reasons of those that wait. */
import { endAttempt } from '#jobs/endings.js';
import { type FailurePolicy, failurePolicy } from '#jobs/failure-policy.js';
import { isDue } from '#jobs/needs.js';
import type { Log, QueueParts } from '#jobs/parts.js';
import { refreshReasons } from '#jobs/waiting.js';
import { SleepWatch } from '#platform/sleep-watch.js';
import { addToOutbox, changeJob } from '#jobs/transitions.js';

export interface ReconcilerOptions {
  /** Seconds without a heartbeat after which a worker is taken for dead. */
  readonly lostSeconds: number;
  /** Seconds that a waiting job may be unknown to the queue. */
  readonly unknownSeconds?: number;
  readonly everySeconds?: number;
  readonly policy?: FailurePolicy;
}

export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> | undefined;
  private isStopped = true;
  private readonly sleep: SleepWatch;

  constructor(
    private readonly parts: QueueParts,
    private readonly log: Log,
    private readonly options: ReconcilerOptions,
    /** Called after jobs were put back: the outbox has entries. */
    private readonly onRequeued: () => void = () => undefined,
  ) {
    this.sleep = new SleepWatch(options.lostSeconds / 3);
  }

  start(): void {
    this.isStopped = false;
    this.sleep.start();
    this.schedule(0);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.sleep.stop();
    clearTimeout(this.timer);
    await this.running;
  }

  /** One look at everything; yields the jobs that were put back. */
  async reconcile(): Promise<string[]> {
    const requeued = [...(await this.endLostAttempts()), ...(await this.queueForgottenJobs())];
    if (requeued.length > 0) this.onRequeued();
    await refreshReasons(this.parts.database, this.options);
    return requeued;
  }

  /** Ends the attempts of a worker that is known to be dead; yields the jobs that were put back. */
  async endAttemptsOf(workerId: string): Promise<string[]> {
    const ended = await this.endAttempts("worker_id = $1 AND state = 'running'", [workerId]);
    if (ended.length > 0) this.onRequeued();
    return ended;
  }

  private schedule(seconds: number): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.running = this.reconcile()
        .catch((error: unknown) => this.log.warn({ err: error }, 'reconciliation failed; it is tried again'))
        .finally(() => this.schedule(this.options.everySeconds ?? 5));
    }, 1000 * seconds);
  }

  /**
   * While the database was down nobody could give signs of life, so the time counts from its start; and while this machine
   * slept, perhaps nobody did.
   */
  private async endLostAttempts(): Promise<string[]> {
    if (this.sleep.secondsAwake < this.options.lostSeconds) return [];
    return this.endAttempts(
      `state = 'running' AND heartbeat_at < now() - make_interval(secs => $1)
       AND pg_postmaster_start_time() < now() - make_interval(secs => $1)`,
      [this.options.lostSeconds],
    );
  }

  private async endAttempts(condition: string, parameters: unknown[]): Promise<string[]> {
    const { parts } = this;
    const candidates = await parts.database.query<{ id: string }[]>(
      `SELECT id FROM job WHERE ${condition} LIMIT 1000`,
      parameters,
    );
    const ended: string[] = [];
    for (const { id } of candidates) {
      const changed = await changeJob(parts, id, async (change) => {
        // Again, now that the row is locked: a heartbeat may have come.
        const still = await change.manager.query<unknown[]>(
          `SELECT 1 FROM job WHERE id = $${parameters.length + 1} AND ${condition}`,
          [...parameters, id],
        );
        if (still.length === 0) return false;
        const { attempt, workerId } = change.job;
        const message = `The worker ${workerId ?? ''} gave no sign of life`;
        const error = { code: 'worker_lost', message } as const;
        await endAttempt(change, { end: 'lost', error, killed: false }, this.options.policy ?? failurePolicy);
        this.log.warn({ job: id, attempt, worker: workerId }, 'a worker was lost; its job is put back');
        return true;
      });
      if (changed?.result) ended.push(id);
    }
    return ended;
  }

  /** Those that have a reason of their own to wait are found by workers when it has gone. */
  private async queueForgottenJobs(): Promise<string[]> {
    const { database, queue } = this.parts;
    const waiting = await database.query<{ id: string }[]>(
      `SELECT id FROM job WHERE ${isDue} AND coalesce(waiting->>'code', 'worker_missing') = 'worker_missing' AND queued_at < now() - make_interval(secs => $1)
       AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.job_id = job.id) ORDER BY queued_at LIMIT 1000`,
      [this.options.unknownSeconds ?? 30],
    );
    if (waiting.length === 0) return [];
    const known = new Set(await queue.waiting(10_000));
    const forgotten = waiting.map(({ id }) => id).filter((id) => !known.has(id));
    for (const id of forgotten) {
      await database.transaction((manager) => addToOutbox(manager, id));
      this.log.warn({ job: id }, 'a waiting job was unknown to the queue');
    }
    return forgotten;
  }
}
