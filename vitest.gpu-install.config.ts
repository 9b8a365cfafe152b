import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.js';

/** Tests of what CUDA needs but for a GPU: it is fetched first (4 GB), which takes python3 with pip, gcc and g++. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    // Each loads gigabytes of libraries.
    testTimeout: 180_000,
    include: ['test/gpu-install/**/*.test.ts'],
    globalSetup: ['test/gpu-install/global-setup.ts'],
  },
});
