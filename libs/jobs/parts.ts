/** What the job classes need of the platform; `Platform` has it all. */
import type { DataSource, EntityManager } from 'typeorm';
import type { Channel } from '#platform/notifications.js';
import type { JobQueue } from '#platform/queue/job-queue.js';

/** Tells other processes, once the manager's transaction is committed. */
export interface Notifier {
  notify(manager: EntityManager, channel: Channel, payload: string): Promise<void>;
}

export interface JobsParts {
  readonly database: DataSource;
  readonly notifications: Notifier;
}

export interface QueueParts extends JobsParts {
  readonly queue: JobQueue;
}

/** What is written to the log; pino's loggers fit. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
