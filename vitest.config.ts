import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: [
      'apps/**/*.test.ts',
      'libs/**/*.test.ts',
      'test/{golden,contract,integration,e2e}/**/*.test.ts',
    ],
    testTimeout: 60_000,
    pool: 'forks',
  },
});
