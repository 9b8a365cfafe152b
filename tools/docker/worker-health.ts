/** The health check of a container with a worker: exit code 0 while the database sees its signs of life. */
import { hostname } from 'node:os';
import { Client } from 'pg';
import { parseConfiguration } from '#platform/config.js';
import { embeddedPostgresUrl } from '#platform/database/embedded-postgres.js';

const { databaseUrl, home, workerLostSeconds } = parseConfiguration(process.env);
const client = new Client({
  connectionString: databaseUrl ?? (await embeddedPostgresUrl(home)),
  connectionTimeoutMillis: 4000,
  query_timeout: 4000,
});
await client.connect();
const { rowCount } = await client.query(
  `SELECT 1 FROM worker WHERE host = $1 AND stopped_at IS NULL
   AND heartbeat_at > now() - make_interval(secs => $2)`,
  [hostname(), workerLostSeconds],
);
await client.end();
if (rowCount === 0) {
  console.error(`no worker of ${hostname()} has given a sign of life for ${workerLostSeconds} seconds`);
  process.exitCode = 1;
}
