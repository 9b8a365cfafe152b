/** Signs of life of a worker and its attempts; the answers say what was requested of them. */
import type { Claims } from '#jobs/claims.js';
import type { Log } from '#jobs/parts.js';
import type { Workers } from '#jobs/workers.js';
import type { WorkerFigures } from '#platform/database/entities/worker.js';
import { within } from '#platform/timeout.js';
import type { JobAttempt } from './job-attempt.js';

export interface HeartbeatOptions {
  readonly workerId: string;
  readonly seconds: number;
  readonly attempts: () => readonly JobAttempt[];
  readonly figures: () => WorkerFigures;
}

/** A database that does not answer must not stop the heart. */
const answerMilliseconds = 10_000;
/** After a failure the next try comes sooner. */
const retrySeconds = 1;

export class Heartbeats {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isStopped = false;
  private isFailing = false;

  constructor(
    private readonly claims: Claims,
    private readonly workers: Workers,
    private readonly log: Log,
    private readonly options: HeartbeatOptions,
  ) {}

  start(): void {
    this.schedule(this.options.seconds);
  }

  /** Asks now what was requested of a job, or of all. */
  lookAt(jobId: string | null): void {
    for (const attempt of this.options.attempts()) {
      if (jobId !== null && attempt.job.id !== jobId) continue;
      this.beat(attempt).catch((err: unknown) => this.log.warn({ err }, 'a job will be looked at later'));
    }
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(seconds: number): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.running = this.beatAll().then((isWell) =>
        this.schedule(isWell ? this.options.seconds : Math.min(retrySeconds, this.options.seconds)),
      );
    }, 1000 * seconds);
  }

  private async beatAll(): Promise<boolean> {
    try {
      const beats = this.options.attempts().map((attempt) => this.beat(attempt));
      await within(
        answerMilliseconds,
        Promise.all([...beats, this.workers.heartbeat(this.options.workerId, this.options.figures())]),
      );
      if (this.isFailing) this.log.info({}, 'heartbeats reach the database again');
      this.isFailing = false;
      return true;
    } catch (err) {
      if (!this.isFailing) this.log.warn({ err }, 'heartbeats do not reach the database; will retry');
      this.isFailing = true;
      return false;
    }
  }

  private async beat(attempt: JobAttempt): Promise<void> {
    const requested = await this.claims.heartbeat(attempt.claim);
    if (requested === 'lost') attempt.lose();
    else attempt.apply(requested);
  }
}
