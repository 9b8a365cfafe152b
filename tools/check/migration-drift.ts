/**
 * Fails if the migrations do not make exactly the tables that the entities describe.
 *
 *     node dist/tools/check/migration-drift.js
 *
 * Prints the statements that a new migration must hold, and those that undo it.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createDataSource } from '#platform/database/data-source.js';
import { startEmbeddedPostgres } from '#platform/database/embedded-postgres.js';
import { migrate } from '#platform/database/migrate.js';

const home = await mkdtemp(path.join(tmpdir(), 'lowrank-drift-'));
// So that the account that Postgres runs under when this is run by root can enter.
await chmod(home, 0o755);
const postgres = await startEmbeddedPostgres(home, { settings: { fsync: 'off' } });
try {
  const database = await createDataSource(postgres.url).initialize();
  try {
    const done = await migrate(database);
    const { upQueries, downQueries } = await database.driver.createSchemaBuilder().log();
    if (upQueries.length > 0) {
      console.error(
        'The entities differ from what the migrations make. A new migration needs these statements:',
      );
      for (const { query } of upQueries) console.error(`up    ${query}`);
      for (const { query } of downQueries.toReversed()) console.error(`down  ${query}`);
      process.exitCode = 1;
    } else {
      console.log(
        `${done.length} migrations make ${database.entityMetadatas.length} tables as the entities describe them.`,
      );
    }
  } finally {
    await database.destroy();
  }
} finally {
  await postgres.stop();
  await rm(home, { recursive: true, force: true });
}
