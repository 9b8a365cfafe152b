/** Starts the servers of a cluster once, and names them in the environment of the tests. */
import { startCluster } from './servers.js';

/** Vitest calls this before the first test of the project, and what it returns after the last. */
export default async function setup(): Promise<() => Promise<void>> {
  const servers = await startCluster();
  Object.assign(process.env, servers.environment);
  return async () => {
    for (const name of Object.keys(servers.environment)) delete process.env[name];
    await servers.close();
  };
}
