import { createLog } from '#platform/log.js';
import { openPostgresQueue } from '#platform/queue/postgres-queue.js';
import { startTestPostgres } from '../embedded-postgres.js';
import { describeJobQueue } from './job-queue.contract.js';

const log = createLog({ level: 'silent', name: 'test' });

describeJobQueue('Postgres', async () => {
  const postgres = await startTestPostgres();
  return {
    open: () => openPostgresQueue(postgres.url, 'lowrank-test', log),
    restart: (between) => postgres.restart(between),
    close: () => postgres.remove(),
  };
});
