/** The queue delivers job ids; Postgres holds everything else. */

/** What a consumer does with a delivered id; a rejection makes the queue deliver it again later. */
export type DeliveryHandler = (jobId: string, signal: AbortSignal) => Promise<void>;

export interface Consumer {
  /** Takes no more; resolves when the running handlers have ended. Aborts their signals if `abort` is true. */
  close(options?: { abort?: boolean }): Promise<void>;
}

/** At-least-once delivery of job ids. */
export interface JobQueue {
  /** Makes sure that each id is delivered at least once from now on; one that waits already is not doubled. */
  add(...jobIds: readonly string[]): Promise<void>;
  /** Takes an id out that no consumer has yet; false if it was not waiting. */
  remove(jobId: string): Promise<boolean>;
  /** Ids that wait, first to be delivered first. */
  waiting(limit: number): Promise<string[]>;
  counts(): Promise<{ waiting: number; active: number }>;
  consume(handler: DeliveryHandler, options: { concurrency: number }): Consumer;
  /** Resolves if the backend answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
