/** Carries queue entries from the database, where they are written with the job, to the queue. */
import type { Log, QueueParts } from '#jobs/parts.js';

const batchSize = 100;

/** Runs in every process that changes jobs: woken after a change, and by a timer for what others left. */
export class OutboxRelay {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isWanted = false;
  private isStopped = true;

  constructor(
    private readonly parts: QueueParts,
    private readonly log: Log,
    private readonly options: { readonly everySeconds: number } = { everySeconds: 2 },
  ) {}

  start(): void {
    this.isStopped = false;
    this.wake();
  }

  /** Looks soon, once for many calls. */
  wake(): void {
    if (this.isStopped) return;
    this.isWanted = true;
    this.running ??= this.work().finally(() => {
      this.running = undefined;
      if (this.isWanted) this.wake();
    });
  }

  /** Takes what is there to the queue and ends. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Takes everything that is due to the queue; yields how many entries that were. */
  async relayAll(): Promise<number> {
    let total = 0;
    for (;;) {
      const count = await this.relayBatch();
      total += count;
      if (count < batchSize) return total;
    }
  }

  private async work(): Promise<void> {
    clearTimeout(this.timer);
    while (this.isWanted) {
      this.isWanted = false;
      try {
        await this.relayAll();
      } catch (error) {
        this.log.warn({ err: error }, 'the outbox cannot be emptied yet');
      }
    }
    if (!this.isStopped) {
      this.timer = setTimeout(() => this.wake(), 1000 * this.options.everySeconds);
    }
  }

  /** An entry is deleted when the queue has it; if the process dies in between, the queue gets it twice. */
  private async relayBatch(): Promise<number> {
    const { database, queue } = this.parts;
    return database.transaction(async (manager) => {
      const rows = await manager.query<{ id: string; job_id: string }[]>(
        // The column is rounded to milliseconds, up too.
        `SELECT id, job_id FROM outbox WHERE created_at <= now() + interval '5 milliseconds'
         ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`,
        [batchSize],
      );
      for (const jobId of new Set(rows.map(({ job_id }) => job_id))) await queue.add(jobId);
      if (rows.length > 0) {
        await manager.query('DELETE FROM outbox WHERE id = ANY($1::bigint[])', [rows.map(({ id }) => id)]);
      }
      return rows.length;
    });
  }
}
