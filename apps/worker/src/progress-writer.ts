/** Gathers what a run tells and writes it in batches, in order, however long the database is away. */
import type { Claim } from '#jobs/claims.js';
import type { JobsParts, Log } from '#jobs/parts.js';
import { type NewCheckpoint, type NewMetric, type ProgressBatch, writeProgress } from '#jobs/progress.js';
import { whenReachable } from '#jobs/retrying.js';
import type { NewEvent } from '#jobs/transitions.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { RunRecords } from './run-records.js';

export interface WriterOptions {
  /** Told once when the attempt does not hold the job any more. */
  readonly onLost: () => void;
  /** Told once of an error that trying again does not mend. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

type RowRecords = { -readonly [K in 'facts' | 'decided' | 'waiting']?: RunRecords[K] };

const pauseMilliseconds = 500;
/** As many records are written at once rather than after the pause. */
const fullBatch = 32;
const largestBatch = 500;

export class ProgressWriter {
  private metrics: NewMetric[] = [];
  private events: NewEvent[] = [];
  /** What stands on the job itself. */
  private row: RowRecords = {};
  private timer: NodeJS.Timeout | undefined;
  /** Whatever is written is written after what came before it. */
  private tail: Promise<void> = Promise.resolve();
  private isDead = false;

  constructor(
    private readonly parts: JobsParts,
    private readonly claim: Claim,
    private readonly log: Log,
    private readonly options: WriterOptions,
  ) {}

  add({ metrics = [], events = [], facts, decided, waiting }: RunRecords): void {
    if (metrics.length === 0 && events.length === 0 && !facts && !decided && waiting === undefined) return;
    this.metrics.push(...metrics);
    this.events.push(...events);
    if (facts) this.row.facts = { ...this.row.facts, ...facts };
    if (decided) this.row.decided = decided;
    if (waiting !== undefined) this.row.waiting = waiting;
    if (this.metrics.length + this.events.length >= fullBatch) void this.flush();
    else this.timer ??= setTimeout(() => void this.flush(), pauseMilliseconds);
  }

  /** Resolves when everything that was added is written, or will never be. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.tail = this.after(this.tail, () => this.writeWaiting());
    return this.tail;
  }

  /** Writes a checkpoint's row after everything before it; yields the files that are no longer kept. */
  async addCheckpoint(checkpoint: NewCheckpoint): Promise<readonly ManifestFile[]> {
    let released: readonly ManifestFile[] = [];
    this.tail = this.after(this.tail, async () => {
      await this.writeWaiting();
      released = await this.write({ checkpoint });
    });
    await this.tail;
    return released;
  }

  /** Writes nothing more. */
  stop(): void {
    this.isDead = true;
    clearTimeout(this.timer);
  }

  private async after(previous: Promise<void>, work: () => Promise<void>): Promise<void> {
    await previous;
    await work();
  }

  private async writeWaiting(): Promise<void> {
    const isSomethingLeft = () =>
      this.metrics.length > 0 || this.events.length > 0 || Object.keys(this.row).length > 0;
    while (!this.isDead && isSomethingLeft()) {
      const batch = {
        metrics: this.metrics.splice(0, largestBatch),
        events: this.events.splice(0, largestBatch),
        ...this.row,
      };
      this.row = {};
      await this.write(batch);
    }
  }

  private async write(batch: ProgressBatch): Promise<readonly ManifestFile[]> {
    if (this.isDead) return [];
    const { signal, onLost, onError } = this.options;
    try {
      const written = await whenReachable(() => writeProgress(this.parts, this.claim, batch), {
        seconds: Infinity,
        signal,
        onWaiting: (err) => this.log.warn({ err, job: this.claim.jobId }, 'progress waits for the database'),
      });
      if (written !== 'lost') return written.released;
      this.stop();
      onLost();
    } catch (error) {
      this.stop();
      if (!signal.aborted) onError(error);
    }
    return [];
  }
}
