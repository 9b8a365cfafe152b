/** A Postgres of their own for tests, in a home of their own. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '#platform/database/embedded-postgres.js';

/** A new LOWRANK_HOME; others may walk through it, as Postgres must when root runs the tests. */
export async function temporaryHome(): Promise<string> {
  const home = await mkdtemp(path.join(tmpdir(), 'lowrank-home-'));
  await chmod(home, 0o755);
  return home;
}

export interface TestPostgres {
  readonly home: string;
  readonly url: string;
  /** Stops the server if it runs, and removes its home. */
  remove(): Promise<void>;
  /** Stops the server and starts it again, under the same url. */
  restart(between?: () => Promise<void>): Promise<void>;
}

/** Starts a Postgres that does not wait for the disk. */
export async function startTestPostgres(
  options: EmbeddedPostgresOptions = { settings: { fsync: 'off' } },
): Promise<TestPostgres> {
  const home = await temporaryHome();
  let server: EmbeddedPostgres = await startEmbeddedPostgres(home, options);
  const { url } = server;
  return {
    home,
    url,
    remove: async () => {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
    restart: async (between = async () => undefined) => {
      await server.stop();
      await between();
      server = await startEmbeddedPostgres(home, options);
      if (server.url !== url) throw new Error(`the port was taken meanwhile: ${url} became ${server.url}`);
    },
  };
}
