import optimizeLocales from '@react-aria/optimize-locales-plugin';
import react from '@vitejs/plugin-react';
import { join } from 'node:path';
import { defineConfig } from 'vite';
import { contractChecks } from './contract-checks.js';

export default defineConfig({
  root: import.meta.dirname,
  // The server knows under which path it is shown.
  base: './',
  // The page speaks English, and its components would bring thirty languages more.
  plugins: [contractChecks(), react(), optimizeLocales.vite({ locales: ['en-US'] })],
  resolve: { conditions: ['@lowrank/source', 'browser', 'module', 'import'] },
  build: {
    outDir: join(import.meta.dirname, '../../dist/dashboard'),
    emptyOutDir: true,
    target: 'es2023',
    // The content policy forbids data: scripts, and old browsers are not served.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      // Reading the contracts is most of a build.
      checks: { pluginTimings: false },
      output: {
        codeSplitting: {
          // React changes seldom; and what the first view needs packs better in one piece.
          groups: [
            {
              name: 'react',
              test: /node_modules\/(react|react-dom|scheduler)\/|rolldown\/runtime/,
              priority: 2,
            },
            { name: 'first', tags: ['$initial'], priority: 1 },
          ],
        },
      },
    },
  },
  // `npx vite apps/dashboard` with a server beside it.
  server: { proxy: { '/v1': 'http://127.0.0.1:8010' } },
});
