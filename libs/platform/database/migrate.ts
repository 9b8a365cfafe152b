/** Brings the tables to what this version of the program expects; any number of processes may do it at once. */
import type { DataSource } from 'typeorm';
import { LowrankError } from '#base/errors.js';

/** The letters `lowr`: the lock that processes hold while they change tables. */
const MIGRATION_LOCK = 0x6c_6f_77_72;

/**
 * Runs the migrations that the database lacks, in one transaction, and returns their names.
 *
 * Throws LowrankError `database_newer` if a newer version of the program has migrated it.
 */
export async function migrate(database: DataSource): Promise<string[]> {
  const lock = database.createQueryRunner();
  try {
    await lock.connect();
    // Others may wait long for the one that migrates.
    await lock.query('SET statement_timeout = 0');
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      await refuseNewer(database);
      const done = await database.runMigrations({ transaction: 'all' });
      return done.map(({ name }) => name);
    } finally {
      await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      await lock.query('RESET statement_timeout');
    }
  } finally {
    await lock.release();
  }
}

async function refuseNewer(database: DataSource): Promise<void> {
  const [found] = await database.query<{ there: boolean }[]>(
    `SELECT to_regclass('migration') IS NOT NULL AS there`,
  );
  if (found?.there !== true) return;
  const known = new Set(database.migrations.map(({ name, constructor }) => name ?? constructor.name));
  const rows = await database.query<{ name: string }[]>('SELECT name FROM migration ORDER BY id');
  const unknown = rows.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (unknown.length === 0) return;
  throw new LowrankError(
    'database_newer',
    `a newer version of the program has changed this database (${unknown.join(', ')}): run that version, or restore a backup from before`,
    { details: { migrations: unknown } },
  );
}
