/** What the queue and its consumers share. */
import type { BackendClasses, IQueueBackend } from 'bullmq';

/** What is queued: an id, nothing else. */
export interface Delivery {
  readonly jobId: string;
}

/** A backend of BullMQ and how to reach it. */
export interface BullBackend<B extends IQueueBackend, C> {
  /** As `withBackend` makes them. */
  readonly classes: BackendClasses<B, C>;
  /** For adding and looking: fails soon when the backend is away. */
  readonly connection: C;
  /** For consumers: waits for the backend to come back. */
  readonly consumerConnection: C;
  readonly prefix?: string;
  /** `Postgres` or `Redis`, for messages. */
  readonly title: string;
}

export const QUEUE_NAME = 'lowrank-jobs';
