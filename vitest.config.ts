import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Under a name of our own: packages too have conditions that are called source. */
const conditions = {
  resolve: { conditions: ['@lowrank/source'] },
  ssr: { resolve: { conditions: ['@lowrank/source'] } },
};

/** What every project of tests shares. */
export const shared = {
  ...conditions,
  test: { testTimeout: 60_000, hookTimeout: 60_000, pool: 'forks' as const },
};

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          ...shared.test,
          name: 'unit',
          maxWorkers: availableParallelism(),
          include: [
            'apps/**/*.test.ts',
            'bench/**/*.test.ts',
            'libs/**/*.test.ts',
            'tools/**/*.test.ts',
            'test/{contract,golden,integration,kernels}/**/*.test.ts',
          ],
        },
      },
      {
        ...shared,
        test: {
          ...shared.test,
          name: 'e2e',
          // Whole services with latencies and kills: alone, one after another.
          maxWorkers: 1,
          // Once more where a machine stood still for longer than a test allows; vitest tells of every repetition.
          retry: 1,
          sequence: { groupOrder: 1 },
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
        },
      },
    ],
  },
});
