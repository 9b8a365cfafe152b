import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.js';

/** Load on a whole service, for a quiet machine: what these tests measure is told on the console. */
export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          ...shared.test,
          name: 'load',
          maxWorkers: 1,
          include: ['test/load/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
        },
      },
    ],
  },
});
