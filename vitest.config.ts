import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: [
      'apps/**/*.test.ts',
      'libs/**/*.test.ts',
      'test/{contract,e2e,golden,integration,kernels}/**/*.test.ts',
    ],
    testTimeout: 60_000,
    pool: 'forks',
  },
});
