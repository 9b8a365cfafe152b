/** Carries queue entries from the database, where they are written with the job, to the queue. */
import type { Log, QueueParts } from '#jobs/parts.js';

const batchSize = 100;

/** Between two rounds: what is written meanwhile goes together. */
const gatherMilliseconds = 50;

/** Runs in every process that changes jobs: woken after a change, and by a timer for what others left. */
export class OutboxRelay {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isWanted = false;
  private isStopped = true;
  private lastRound = -Infinity;

  constructor(
    private readonly parts: QueueParts,
    private readonly log: Log,
    private readonly options: { readonly everySeconds: number } = { everySeconds: 2 },
  ) {}

  start(): void {
    this.isStopped = false;
    this.wake();
  }

  /** Looks at once after a pause, and soon, once for many calls, while there are many. */
  wake(): void {
    if (this.isStopped) return;
    this.isWanted = true;
    if (!this.running) this.schedule(Math.max(0, this.lastRound + gatherMilliseconds - performance.now()));
  }

  /** Takes what is there to the queue and ends. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
    if (this.isWanted) await this.round();
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

  private schedule(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.running = this.round().finally(() => {
        this.running = undefined;
        if (this.isStopped) return;
        this.schedule(this.isWanted ? gatherMilliseconds : 1000 * this.options.everySeconds);
      });
    }, milliseconds);
  }

  private async round(): Promise<void> {
    this.isWanted = false;
    this.lastRound = performance.now();
    try {
      await this.relayAll();
    } catch (error) {
      this.log.warn({ err: error }, 'the outbox cannot be emptied yet');
    }
  }

  /** An entry is gone when the queue has it; if the process dies in between, the queue gets it twice. */
  private async relayBatch(): Promise<number> {
    const { database, queue } = this.parts;
    return database.transaction(async (manager) => {
      const [rows] = await manager.query<[{ id: string; job_id: string }[], number]>(
        // The column is rounded to milliseconds, up too.
        `DELETE FROM outbox WHERE id = ANY (ARRAY
           (SELECT id FROM outbox WHERE created_at <= now() + interval '5 milliseconds'
            ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))
         RETURNING id, job_id`,
        [batchSize],
      );
      const inOrder = rows.toSorted((a, b) => Number(a.id) - Number(b.id));
      if (rows.length > 0) await queue.add(...new Set(inOrder.map(({ job_id }) => job_id)));
      return rows.length;
    });
  }
}
