/** The database of this machine's service, for what is done without the API. */
import type { DataSource } from 'typeorm';
import { parseConfiguration } from '#platform/config.js';
import { createDataSource } from '#platform/database/data-source.js';
import { embeddedPostgresUrl, startEmbeddedPostgres } from '#platform/database/embedded-postgres.js';
import { migrate } from '#platform/database/migrate.js';
import { findHolder, lockHome } from './launcher/home-lock.js';

/**
 * Opens the database that the environment names, lends it, and closes it. If the service of a home without DATABASE_URL
 * does not run, its Postgres is started for as long as that.
 *
 * Throws LowrankError `configuration`, `home_in_use`, `database_unavailable` and the errors of `startEmbeddedPostgres`.
 */
export async function withLocalDatabase<T>(
  environment: NodeJS.ProcessEnv,
  work: (database: DataSource) => Promise<T>,
): Promise<T> {
  const { databaseUrl, home } = parseConfiguration(environment);
  if (databaseUrl !== null) return withDatabase(databaseUrl, work);
  if (await findHolder(home)) return withDatabase(await embeddedPostgresUrl(home), work);
  const lock = await lockHome(home);
  try {
    const postgres = await startEmbeddedPostgres(home);
    try {
      return await withDatabase(postgres.url, work);
    } finally {
      await postgres.stop();
    }
  } finally {
    await lock.release();
  }
}

async function withDatabase<T>(url: string, work: (database: DataSource) => Promise<T>): Promise<T> {
  const database = createDataSource(url, 'lowrank cli', 2);
  await database.initialize();
  await migrate(database);
  try {
    return await work(database);
  } finally {
    await database.destroy();
  }
}
