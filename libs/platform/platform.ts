/** What every process of the service stands on: database, queue, objects, notifications, log. */
import type { DataSource } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import type { Configuration } from '#platform/config.js';
import { createDataSource } from '#platform/database/data-source.js';
import { embeddedPostgresUrl } from '#platform/database/embedded-postgres.js';
import { migrate } from '#platform/database/migrate.js';
import { createLog, type Log } from '#platform/log.js';
import { closeContents, closeHome } from '#platform/private-home.js';
import { Notifications } from '#platform/notifications.js';
import { openObjectStore } from '#platform/objects/open-object-store.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { JobQueue } from '#platform/queue/job-queue.js';
import { openPostgresQueue } from '#platform/queue/postgres-queue.js';
import { openRedisQueue } from '#platform/queue/redis-queue.js';
import { within } from '#platform/timeout.js';

/** A part of the platform, and what is wrong with it, if anything. */
export interface PartStatus {
  readonly ok: boolean;
  /** For people who run the server; not for clients. */
  readonly error: string | null;
}

export type PlatformStatus = Readonly<Record<'database' | 'queue' | 'objects' | 'notifications', PartStatus>>;

const CHECK_MS = 5000;

export class Platform {
  constructor(
    readonly configuration: Configuration,
    readonly database: DataSource,
    readonly queue: JobQueue,
    readonly objects: ObjectStore,
    readonly notifications: Notifications,
    readonly log: Log,
  ) {}

  /** Asks every part whether it works, all at once; never throws, and takes 5 seconds at most. */
  async check(): Promise<PlatformStatus> {
    const [database, queue, objects, notifications] = await Promise.all([
      status(this.database.query('SELECT 1')),
      status(this.queue.ping()),
      status(this.objects.ping()),
      status(
        this.notifications.isConnected
          ? Promise.resolve()
          : Promise.reject(new Error('the connection for notifications is down')),
      ),
    ]);
    return { database, queue, objects, notifications };
  }

  /** Closes everything, consumers of the queue first. Does not throw. */
  async close(): Promise<void> {
    await this.queue.close().catch((err: unknown) => this.log.warn({ err }, 'the queue did not close'));
    await this.notifications.close();
    await this.database
      .destroy()
      .catch((err: unknown) => this.log.warn({ err }, 'the database did not close'));
  }
}

/**
 * Opens everything that a process needs and brings the tables up to date.
 *
 * `name` is the process's, in logs and lists of connections. Throws LowrankError `database_unavailable`,
 * `database_newer`, `queue_unavailable` or `store_unavailable`; then nothing stays open.
 */
export async function openPlatform(
  configuration: Configuration,
  options: { readonly name: string; readonly log?: Log },
): Promise<Platform> {
  const name = `lowrank-${options.name}`;
  const log = options.log ?? createLog({ level: configuration.logLevel, name: options.name });
  await keepPrivate(configuration.home, log);
  const url = configuration.databaseUrl ?? (await embeddedPostgresUrl(configuration.home));
  const objects = await openObjectStore(configuration);
  const database = await openDatabase(url, name);
  try {
    await migrate(database);
    const queue =
      configuration.redisUrl === null
        ? await openPostgresQueue(url, name, log)
        : await openRedisQueue(configuration.redisUrl, name, log);
    return new Platform(configuration, database, queue, objects, new Notifications(url, name, log), log);
  } catch (error) {
    await database.destroy().catch(() => undefined);
    throw error;
  }
}

/** Closes the home to other accounts now, and what is in it in the background: behind a closed door it has time. */
async function keepPrivate(home: string, log: Log): Promise<void> {
  const failed = (err: unknown) => log.warn({ err, home }, 'the home cannot be closed to other accounts');
  try {
    if (await closeHome(home)) log.warn({ home }, 'the home was open to other accounts and is closed now');
  } catch (error) {
    failed(error);
    return;
  }
  closeInside(home, log).catch(failed);
}

async function closeInside(home: string, log: Log): Promise<void> {
  const count = await closeContents(home);
  if (count === 0) return;
  log.warn({ home, count }, 'files and folders of the home were open to others and are closed now');
}

async function openDatabase(url: string, name: string): Promise<DataSource> {
  try {
    return await createDataSource(url, name).initialize();
  } catch (cause) {
    const { host } = new URL(url);
    throw new LowrankError(
      'database_unavailable',
      `Postgres at ${host} refused the connection (${(cause as Error).message}): check that it runs, and the address, user and password in DATABASE_URL`,
      { cause },
    );
  }
}

async function status(check: Promise<unknown>): Promise<PartStatus> {
  try {
    await within(CHECK_MS, check);
    return { ok: true, error: null };
  } catch (error) {
    return { ok: false, error: (error as Error).message };
  }
}
