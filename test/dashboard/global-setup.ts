/** Builds the dashboard once before its tests: the API serves what is in dist. */
import { join } from 'node:path';
import { build } from 'vite';

/** Vitest calls this before the first test. */
export default async function buildDashboard(): Promise<void> {
  const root = join(import.meta.dirname, '../../apps/dashboard');
  const environment = process.env['NODE_ENV'];
  // Vitest says "test", with which React is built for its developers.
  process.env['NODE_ENV'] = 'production';
  await build({ root, configFile: join(root, 'vite.config.ts'), logLevel: 'warn', mode: 'production' });
  process.env['NODE_ENV'] = environment;
}
