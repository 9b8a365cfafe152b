/** The queue for those who have Postgres and nothing else: in the schema `bullmq` of the same database. */
import { createPostgresBackend, runMigrations, withBackend } from 'bullmq';
import type { BackendFactory, PostgresConnectionOptions, PostgresQueueBackend } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { LowrankError } from '#base/errors.js';
import type { Log } from '#platform/log.js';
import { openBullQueue } from '#platform/queue/bullmq-queue.js';
import type { JobQueue } from '#platform/queue/job-queue.js';

/** Longest wait of an idle consumer, in seconds, before it looks by itself: a notification may get lost. */
const MOST_BLOCK_SECONDS = 10;
const RETRY_MS = 500;

/**
 * BullMQ's backend, made patient: after an error other than a refused connection its worker asks again at once, for
 * as long as Postgres starts up; and after an outage it may wait an hour for a notification.
 */
const createBackend: BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> = (
  name,
  options,
  extra,
) => {
  const backend = createPostgresBackend(name, options, extra);
  const moveToActive = backend.moveToActive.bind(backend);
  backend.moveToActive = async (...args) => {
    try {
      return await moveToActive(...args);
    } catch (error) {
      await delay(RETRY_MS, undefined, { ref: false });
      throw error;
    }
  };
  return Object.defineProperty(backend, 'maximumBlockTimeout', { value: MOST_BLOCK_SECONDS });
};

/** Opens the queue and makes or updates its tables; throws LowrankError `queue_unavailable`. */
export async function openPostgresQueue(url: string, name: string, log: Log): Promise<JobQueue> {
  const connection = {
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    statement_timeout: 30_000,
    query_timeout: 35_000,
    idle_in_transaction_session_timeout: 15_000,
    max: 3,
  };
  await migrateQueue(url);
  return openBullQueue(
    {
      classes: withBackend(createBackend),
      connection,
      consumerConnection: connection,
      title: 'Postgres',
    },
    log,
  );
}

async function migrateQueue(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await runMigrations(client);
  } catch (cause) {
    throw new LowrankError(
      'queue_unavailable',
      `the queue's tables in Postgres cannot be made (${(cause as Error).message}): check that it runs, and that its user may create a schema`,
      { cause },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
