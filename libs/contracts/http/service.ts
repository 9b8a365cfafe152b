/** The service itself: its workers, its queue, its health. */
import { z } from 'zod';
import { unixSeconds } from '#contracts/http/pages.js';

export const workerObject = z
  .object({
    id: z.string(),
    object: z.literal('worker'),
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    /** For each device: name, index, memory, what it runs. */
    devices: z.array(z.record(z.string(), z.unknown())),
    /** Whether its heartbeat is fresh. */
    status: z.enum(['alive', 'lost', 'stopped']),
    started_at: unixSeconds,
    heartbeat_at: unixSeconds,
    /** Ids of this project's jobs that it runs. */
    jobs: z.array(z.string()),
  })
  .meta({ id: 'Worker' });
export type WorkerObject = z.infer<typeof workerObject>;
export const workerList = z
  .object({ object: z.literal('list'), data: z.array(workerObject) })
  .meta({ id: 'WorkerList' });

export const queueObject = z
  .object({
    object: z.literal('queue'),
    /** The project's jobs in each state that is not terminal; those of all projects for an administrator. */
    jobs: z.record(z.string(), z.int()),
    /** For an administrator, entries of the queue itself; else the project's queued and running jobs. */
    waiting: z.int(),
    active: z.int(),
    /** Ids of this project's queued jobs, the next first; 100 at most. */
    next: z.array(z.string()),
  })
  .meta({ id: 'Queue' });
export type QueueObject = z.infer<typeof queueObject>;

export const healthObject = z
  .object({ status: z.literal('ok'), version: z.string(), uptime_seconds: z.number() })
  .meta({ id: 'Health' });

/** Why a part is down stands in the server's log. */
const part = z.enum(['up', 'down']);
export const readinessObject = z
  .object({
    status: z.enum(['ready', 'not_ready']),
    parts: z.object({ database: part, queue: part, objects: part, notifications: part }),
  })
  .meta({ id: 'Readiness' });
export type ReadinessObject = z.infer<typeof readinessObject>;
