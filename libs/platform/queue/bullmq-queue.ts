/** The queue on BullMQ, whichever backend it has. */
import type { IQueueBackend, JobsOptions } from 'bullmq';
import { LowrankError } from '#base/errors.js';
import type { Log } from '#platform/log.js';
import { type BullBackend, type Delivery, QUEUE_NAME } from '#platform/queue/bullmq-backend.js';
import { BullConsumer } from '#platform/queue/bullmq-consumer.js';
import type { Consumer, DeliveryHandler, JobQueue } from '#platform/queue/job-queue.js';
import { within } from '#platform/timeout.js';

/**
 * A delivery that is running keeps its place in the queue, so an id that is added meanwhile needs another one. More
 * places than this are only taken if as many consumers died with the same job within one lock's time.
 */
const PLACES = 8;

/** As often as it takes: what becomes of a job is decided in Postgres. */
const ATTEMPTS = 1_000_000;

const deliveryOptions: JobsOptions = {
  attempts: ATTEMPTS,
  backoff: { type: 'custom' },
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 1,
};

/** Opens the queue; throws LowrankError `queue_unavailable` if the backend does not answer. */
export async function openBullQueue<B extends IQueueBackend, C>(
  backend: BullBackend<B, C>,
  log: Log,
): Promise<JobQueue> {
  const { classes, connection, prefix, title } = backend;
  const queue = new classes.Queue<Delivery>(QUEUE_NAME, { connection, prefix });
  queue.on('error', (err) => log.debug({ err }, `the queue in ${title} had an error`));
  const consumers = new Set<Consumer>();

  /** Gives the backend's errors the name of the part that fails. */
  async function asking<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      if (cause instanceof LowrankError) throw cause;
      throw unavailable(title, cause);
    }
  }

  /**
   * Whether a place of an id has to be filled for a delivery that is sure to begin after this call began; null if a
   * consumer holds the place. Whatever others do after the question is a delivery that begins now, too.
   */
  async function isFree(id: string): Promise<boolean | null> {
    const state = await queue.getJobState(id);
    if (state === 'active') return null;
    if (state === 'delayed') {
      // It failed a moment ago and would come again after its pause.
      const job = await queue.getJob(id);
      await job?.promote().catch(() => undefined);
      return false;
    }
    return state !== 'waiting' && state !== 'prioritized';
  }

  /** One round for each place, of all the ids whose place before is held. */
  async function add(...jobIds: readonly string[]): Promise<void> {
    let left = [...new Set(jobIds)];
    for (let place = 0; place < PLACES && left.length > 0; place++) {
      const found = await Promise.all(left.map((jobId) => isFree(deliveryId(jobId, place))));
      const free = left.filter((_, i) => found[i]);
      const entries = free.map((jobId) => ({
        name: 'job',
        data: { jobId },
        opts: { ...deliveryOptions, jobId: deliveryId(jobId, place) },
      }));
      if (entries.length > 0) await queue.addBulk(entries);
      left = left.filter((_, i) => found[i] === null);
    }
    const [jobId] = left;
    if (jobId === undefined) return;
    throw new LowrankError('queue_crowded', `job ${jobId} is being delivered ${PLACES} times at once`, {
      details: { jobId },
    });
  }

  async function remove(jobId: string): Promise<boolean> {
    let removed = false;
    for (let place = 0; place < PLACES; place++) {
      const id = deliveryId(jobId, place);
      const state = await queue.getJobState(id);
      if (state === 'waiting' || state === 'delayed' || state === 'prioritized') {
        // A consumer that was faster has locked it, and then nothing is removed.
        if ((await queue.remove(id)) === 1) removed = true;
      }
    }
    return removed;
  }

  async function waiting(limit: number): Promise<string[]> {
    // Both backends give pages from the wrong end of the list, so the page is cut here.
    const [soon, later] = await Promise.all([
      queue.getRanges(['waiting'], 0, -1, true),
      queue.getRanges(['delayed'], 0, -1, true),
    ]);
    return [...new Set([...soon, ...later].map(jobIdOf))].slice(0, limit);
  }

  async function counts(): Promise<{ waiting: number; active: number }> {
    const found = await queue.getJobCounts('waiting', 'delayed', 'active');
    return {
      waiting: (found['waiting'] ?? 0) + (found['delayed'] ?? 0),
      active: found['active'] ?? 0,
    };
  }

  function consume(handler: DeliveryHandler, { concurrency }: { concurrency: number }): Consumer {
    const consumer = new BullConsumer(backend, handler, concurrency, log);
    consumers.add(consumer);
    return {
      close: async (options) => {
        await consumer.close(options);
        consumers.delete(consumer);
      },
    };
  }

  async function close(): Promise<void> {
    await Promise.all([...consumers].map((consumer) => consumer.close({ abort: true })));
    await queue.close();
  }

  try {
    await within(OPEN_MS, queue.waitUntilReady());
  } catch (cause) {
    await within(CLOSE_MS, queue.disconnect()).catch(() => undefined);
    throw unavailable(title, cause);
  }
  return {
    add: (...jobIds) => asking(() => add(...jobIds)),
    remove: (jobId) => asking(() => remove(jobId)),
    waiting: (limit) => asking(() => waiting(limit)),
    counts: () => asking(counts),
    ping: () => asking(async () => void (await within(PING_MS, queue.getJobState('none')))),
    consume,
    close,
  };
}

const OPEN_MS = 10_000;
const CLOSE_MS = 1000;
const PING_MS = 5000;

function deliveryId(jobId: string, place: number): string {
  return `${jobId}.${place}`;
}

function jobIdOf(delivery: string): string {
  return delivery.slice(0, delivery.lastIndexOf('.'));
}

function unavailable(title: string, cause: unknown): LowrankError {
  return new LowrankError(
    'queue_unavailable',
    `the queue in ${title} does not answer (${(cause as Error).message}): check that it runs and can be reached`,
    { cause },
  );
}
