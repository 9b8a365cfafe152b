/** Work that waits for its turn: bounded, and owners take turns, so that one of them cannot keep the others waiting. */
import { LowrankError } from '#base/errors.js';

export interface FairQueueOptions {
  /** Pieces of work that run at a time. */
  readonly atOnce: number;
  /** Pieces of work that may wait, of one owner and of all. */
  readonly waitingOfOne: number;
  readonly waiting: number;
  /** What is refused: `plans`. */
  readonly what: string;
}

interface Entry {
  readonly begin: () => void;
}

/** How strongly the newest duration counts in the mean. */
const newestShare = 0.2;

export class FairQueue {
  /** By owner, the owner whose turn is next first. */
  private readonly waiting = new Map<string, Entry[]>();
  private waitingCount = 0;
  private running = 0;
  private meanSeconds = 1;

  constructor(private readonly options: FairQueueOptions) {}

  /** How many wait. */
  get length(): number {
    return this.waitingCount;
  }

  /**
   * Does work when it is its owner's turn. Throws LowrankError `queue_full` with `details.retryAfterSeconds` if too much
   * waits already, what the work throws, and the signal's reason as soon as it aborts while the work waits.
   */
  async run<T>(owner: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    await this.turn(owner, signal);
    const start = performance.now();
    try {
      return await work();
    } finally {
      const seconds = (performance.now() - start) / 1000;
      this.meanSeconds += newestShare * (seconds - this.meanSeconds);
      this.running--;
      this.next();
    }
  }

  private turn(owner: string, signal: AbortSignal | undefined): Promise<void> {
    const { atOnce, waiting: most, waitingOfOne } = this.options;
    if (this.running < atOnce) {
      this.running++;
      return Promise.resolve();
    }
    const own = this.waiting.get(owner) ?? [];
    if (this.waitingCount >= most || own.length >= waitingOfOne)
      throw this.refusal(own.length >= waitingOfOne);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.remove(owner, entry);
        reject(signal!.reason as Error);
      };
      const entry = {
        begin: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      own.push(entry);
      this.waiting.set(owner, own);
      this.waitingCount++;
    });
  }

  private next(): void {
    const [first] = this.waiting;
    if (!first || this.running >= this.options.atOnce) return;
    const [owner, entries] = first;
    const entry = entries.shift()!;
    this.waitingCount--;
    this.waiting.delete(owner);
    // The owner's next turn comes after those of all others.
    if (entries.length > 0) this.waiting.set(owner, entries);
    this.running++;
    entry.begin();
  }

  private remove(owner: string, entry: Entry): void {
    const entries = this.waiting.get(owner);
    const index = entries?.indexOf(entry) ?? -1;
    if (index < 0) return;
    entries!.splice(index, 1);
    this.waitingCount--;
    if (entries!.length === 0) this.waiting.delete(owner);
  }

  private refusal(isOwn: boolean): LowrankError {
    const { atOnce, what } = this.options;
    const count = this.waitingCount;
    const seconds = Math.min(60, Math.max(1, Math.ceil((this.meanSeconds * count) / atOnce)));
    const whose = isOwn ? 'of this project ' : '';
    return new LowrankError(
      'queue_full',
      `as many ${what} ${whose}wait already as this server keeps: try again in ${seconds} s`,
      { details: { retryAfterSeconds: seconds } },
    );
  }
}
