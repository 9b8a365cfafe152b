import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.js';

/** Tests that need a Vulkan driver: the one that is set, or the software driver of Debian's chromium. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['test/webgpu/**/*.test.ts'],
    env: { VK_ICD_FILENAMES: process.env['VK_ICD_FILENAMES'] ?? '/usr/lib/chromium/vk_swiftshader_icd.json' },
  },
});
