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

const timed = [
  'composition-previews',
  'http-job',
  'http-kills',
  'worker-jobs',
  'worker-trouble',
  'worst-bodies',
].map((name) => `test/e2e/${name}.test.ts`);

/** Tests of whole services, which run what is compiled. */
function services(
  name: string,
  { order, ...files }: { include: string[]; exclude?: string[]; maxWorkers: number; order: number },
) {
  return {
    ...shared,
    test: {
      ...shared.test,
      ...files,
      name,
      // Once more where a machine stood still for longer than a test allows; vitest tells of every repetition.
      retry: 1,
      sequence: { groupOrder: order },
      globalSetup: ['test/e2e/global-setup.ts'],
    },
  };
}

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
      services('e2e', {
        include: ['test/e2e/**/*.test.ts'],
        exclude: timed,
        maxWorkers: Math.max(2, availableParallelism() / 2),
        order: 1,
      }),
      // What judges how long something takes: alone, one after another.
      services('e2e-timed', { include: timed, maxWorkers: 1, order: 2 }),
    ],
  },
});
