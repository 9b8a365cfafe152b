import { defineConfig } from 'vitest/config';
import { tfjsNodeEnvironment } from './libs/runtime/process-environment.js';
import { shared } from './vitest.config.js';

/** Tests on @tensorflow/tfjs-node, which is built first: that takes python3 with pip, g++ and the registries. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['test/tfjs-node/**/*.test.ts'],
    globalSetup: ['test/tfjs-node/global-setup.ts'],
    env: tfjsNodeEnvironment(),
  },
});
