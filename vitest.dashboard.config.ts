import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.js';

/** The dashboard in a real browser, CHROMIUM or /usr/bin/chromium, on the embedded service. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    name: 'dashboard',
    include: ['test/dashboard/**/*.test.ts'],
    maxWorkers: 1,
    globalSetup: ['test/e2e/global-setup.ts', 'test/dashboard/global-setup.ts'],
  },
});
