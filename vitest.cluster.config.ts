import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.js';

/**
 * Tests on the servers of a cluster, which they start themselves: redis-server, Postgres, and an S3 server that checks
 * signatures. The end-to-end suite is the one that also runs on the embedded stack.
 */
export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          ...shared.test,
          name: 'cluster-contract',
          include: ['test/cluster/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
        },
      },
      {
        ...shared,
        test: {
          ...shared.test,
          name: 'cluster-e2e',
          include: ['test/e2e/{http,openai}-*.test.ts'],
          maxWorkers: 1,
          retry: 1,
          sequence: { groupOrder: 1 },
          globalSetup: ['test/e2e/global-setup.ts', 'test/cluster/global-setup.ts'],
        },
      },
    ],
  },
});
