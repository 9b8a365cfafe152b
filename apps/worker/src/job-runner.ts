/** Gives the free devices of this worker the jobs that have waited longest, and runs them. */
import { hostname } from 'node:os';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { isGgufPath } from '#gguf/model-files.js';
import { versionOf } from '#jobs/base-model-versions.js';
import type { Reason } from '#jobs/placement.js';
import { nextJob, versionKey } from '#jobs/next-job.js';
import { whenReachable } from '#jobs/retrying.js';
import { holdJobsOn, refreshReasons } from '#jobs/waiting.js';
import type { Job } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import type { AttemptParts } from './attempt-parts.js';
import type { DeviceSlot, DeviceSlots } from './device-slots.js';
import { JobAttempt } from './job-attempt.js';

export interface JobRunnerOptions {
  readonly workerId: string;
  readonly attemptParts: AttemptParts;
  /** Called when an attempt has ended. */
  readonly onEnded: () => void;
}

/** How long the database is waited for before a wake-up is given back to the queue. */
const databaseSeconds = 60;
/** How long jobs wait whose base model is not on this machine, and how long this worker leaves them to others. */
const holdSeconds = 4;
const leaveSeconds = 6;
/** Shares of the grace period at which training has stopped, and at which nothing more is uploaded. */
const stopShare = 0.6;
const saveShare = 0.85;

interface RunningAttempt {
  readonly attempt: JobAttempt;
  readonly ended: Promise<void>;
}

export class JobRunner {
  private readonly running = new Map<string, RunningAttempt>();
  /** Base models that are not here, and until when their jobs are left to others. */
  private readonly missing = new Map<string, number>();
  private readonly stopping = new AbortController();
  private filling: Promise<void> | undefined;
  private isWanted = false;
  private timer: NodeJS.Timeout | undefined;
  private unlisten: (() => void) | undefined;

  constructor(
    private readonly platform: Platform,
    private readonly slots: DeviceSlots,
    private readonly options: JobRunnerOptions,
  ) {}

  get attempts(): readonly JobAttempt[] {
    return [...this.running.values()].map(({ attempt }) => attempt);
  }

  start(): void {
    const { notifications, configuration, log } = this.platform;
    const fill = () => {
      this.fill().catch((err: unknown) =>
        log.warn({ err }, 'waiting jobs cannot be taken; it is tried again'),
      );
    };
    this.unlisten = notifications.listen('lowrank_work', fill);
    // For whatever nobody told of: a time that has come, a message that was lost.
    this.timer = setInterval(fill, 1000 * configuration.workerHeartbeatSeconds);
    fill();
  }

  /**
   * The queue says that a job waits. Every free device takes the job that has waited longest for it, which may be another
   * one; what cannot run now stays in the database with its reason. Resolves when a device may be free again, so that the
   * queue gives its entries to workers that have room.
   */
  async wake(jobId: string): Promise<void> {
    const { signal } = this.stopping;
    if (signal.aborted) throw workerStopping();
    await this.fill();
    if (!this.running.has(jobId)) await this.explain(jobId);
    await this.slots.untilFree(signal);
    if (signal.aborted) throw workerStopping();
  }

  /** Gives every job back at a checkpoint, within the grace period; at once if `hurry` aborts. */
  async stop(hurry?: AbortSignal): Promise<void> {
    const grace = this.platform.configuration.shutdownGraceSeconds;
    this.stopping.abort();
    clearInterval(this.timer);
    this.unlisten?.();
    const each = (act: (attempt: JobAttempt) => void) => () => this.attempts.forEach(act);
    each((attempt) => attempt.handOver(stopShare * grace))();
    const giveUp = each((attempt) => attempt.giveUp());
    const timers = [
      setTimeout(
        each((attempt) => attempt.stopSaving()),
        1000 * saveShare * grace,
      ),
      setTimeout(giveUp, 1000 * grace),
    ];
    hurry?.addEventListener('abort', giveUp);
    if (hurry?.aborted) giveUp();
    await this.filling?.catch(() => undefined);
    while (this.running.size > 0) await Promise.all([...this.running.values()].map(({ ended }) => ended));
    for (const timer of timers) clearTimeout(timer);
  }

  /** Resolves when a look has been taken that began after this call. */
  private fill(): Promise<void> {
    this.isWanted = true;
    this.filling ??= this.fillWhileWanted().finally(() => (this.filling = undefined));
    return this.filling;
  }

  private async fillWhileWanted(): Promise<void> {
    while (this.isWanted && !this.stopping.signal.aborted) {
      this.isWanted = false;
      for (const slot of this.slots.free) await this.fillSlot(slot);
    }
  }

  private async fillSlot(slot: DeviceSlot): Promise<void> {
    const { workerId, attemptParts } = this.options;
    const { memoryBytes, claims } = attemptParts;
    const takes = this.slots.takes(slot);
    while (!this.stopping.signal.aborted) {
      const except = { jobs: [...this.running.keys()], models: this.missingModels() };
      const next = await this.withRetry(() =>
        nextJob(this.platform.database, { takes, memoryBytes, except }),
      );
      if (!next) return;
      if (await this.misses(next.job)) continue;
      const taken = this.slots.take(slot, next.wanted);
      const claim = () => claims.claimJob(next.job.id, workerId, taken.device);
      const claimed = await this.withRetry(claim).catch((error: unknown) => {
        taken.release();
        throw error;
      });
      if (claimed) return this.run(new JobAttempt(attemptParts, claimed.job, claimed.attempt, taken), taken);
      // Another worker was faster.
      taken.release();
    }
  }

  private run(attempt: JobAttempt, slot: { release(): void }): void {
    this.running.set(attempt.job.id, { attempt, ended: this.runToEnd(attempt, slot) });
    const { shutdownGraceSeconds } = this.platform.configuration;
    if (this.stopping.signal.aborted) attempt.handOver(stopShare * shutdownGraceSeconds);
  }

  private async runToEnd(attempt: JobAttempt, slot: { release(): void }): Promise<void> {
    await attempt.run();
    this.running.delete(attempt.job.id);
    slot.release();
    this.options.onEnded();
    const { log } = this.platform;
    this.fill().catch((err: unknown) => log.debug({ err }, 'waiting jobs come later'));
  }

  /** Whether a base model is not on this machine: then its jobs wait, and other workers may take them. */
  private async misses({ model, baseIdentity }: Job): Promise<boolean> {
    const reason = await this.lackOf(model, baseIdentity);
    if (!reason) return false;
    this.missing.set(versionKey(model, baseIdentity), performance.now() + 1000 * leaveSeconds);
    const version = { name: model, identity: baseIdentity };
    await this.withRetry(() => holdJobsOn(this.platform.database, version, reason, holdSeconds));
    return true;
  }

  private async lackOf(model: string, identity: string): Promise<Reason | null> {
    const { manager } = this.platform.database;
    const base = await this.withRetry(() => versionOf(manager, { name: model, identity }));
    if (!base) {
      const message = `the base model ${model} is not registered any more: register it again`;
      return { code: 'base_model_missing', message };
    }
    try {
      await access(isGgufPath(base.folder) ? base.folder : join(base.folder, 'config.json'), constants.R_OK);
      return null;
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read';
      const message = `the folder of the base model ${model} ${why} on ${hostname()}: put it back where it was registered`;
      return { code: 'base_model_missing', message };
    }
  }

  private missingModels(): string[] {
    const now = performance.now();
    for (const [model, until] of this.missing) if (until < now) this.missing.delete(model);
    return [...this.missing.keys()];
  }

  /** Writes down why a job waits, and wakes other workers if it need not. */
  private async explain(jobId: string): Promise<void> {
    const { database, configuration, notifications } = this.platform;
    const lostSeconds = configuration.workerLostSeconds;
    const canRun = await this.withRetry(() => refreshReasons(database, { lostSeconds, jobId }));
    if (canRun) await notifications.notify(database.manager, 'lowrank_work', jobId);
  }

  private withRetry<T>(work: () => Promise<T>): Promise<T> {
    return whenReachable(work, { seconds: databaseSeconds });
  }
}

function workerStopping(): LowrankError {
  return new LowrankError('worker_stopping', 'the worker stops and takes no more jobs');
}
