/** The queue for clusters: BullMQ on Redis, which should run with `appendonly yes` and `maxmemory-policy noeviction`. */
import { createRedisBackend, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { LowrankError } from '#base/errors.js';
import type { Log } from '#platform/log.js';
import { openBullQueue } from '#platform/queue/bullmq-queue.js';
import type { JobQueue } from '#platform/queue/job-queue.js';

/** Opens the queue; throws LowrankError `queue_unavailable`. */
export async function openRedisQueue(url: string, name: string, log: Log): Promise<JobQueue> {
  const connection = {
    url,
    connectionName: name,
    connectTimeout: 5000,
    keepAlive: 10_000,
    retryStrategy: (times: number): number => Math.min(100 * times, 2000),
  };
  await greet(url);
  return openBullQueue(
    {
      classes: withBackend(createRedisBackend),
      // A request fails after two tries, so that whoever asked gets an answer while Redis is away.
      connection: { ...connection, maxRetriesPerRequest: 1, commandTimeout: 10_000 },
      consumerConnection: { ...connection, maxRetriesPerRequest: null },
      prefix: 'lowrank',
      title: 'Redis',
    },
    log,
  );
}

/** BullMQ would try for ever to connect, and not tell why it cannot. */
async function greet(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5000,
    commandTimeout: 5000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason: Error | undefined;
  client.on('error', (error) => (reason = error));
  try {
    await client.connect();
    await client.ping();
  } catch (cause) {
    const { host } = new URL(url);
    throw new LowrankError(
      'queue_unavailable',
      `Redis at ${host} refused the connection (${(reason ?? (cause as Error)).message}): check that it runs, and the address and password in REDIS_URL`,
      { cause: reason ?? cause },
    );
  } finally {
    client.disconnect();
  }
}
