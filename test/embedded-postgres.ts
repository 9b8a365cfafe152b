/** A Postgres of their own for tests, in a home of their own. */
import { execFile } from 'node:child_process';
import { access, chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseConfiguration } from '#platform/config.js';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '#platform/database/embedded-postgres.js';
import { openPostgresPaths } from '#platform/database/postgres-paths.js';
import { createLog } from '#platform/log.js';
import { openPlatform } from '#platform/platform.js';

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

const copy = promisify(execFile);
const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Starts the Postgres of a home, with the tables of this version in it where the home is new: copied from a folder that
 * the first test of a run has made (test/postgres-template.ts), a tenth of the work of making them.
 */
export async function startPostgresOf(
  home: string,
  options: EmbeddedPostgresOptions = quick,
): Promise<EmbeddedPostgres> {
  const template = process.env['LOWRANK_TEST_TEMPLATE'];
  const { data } = await openPostgresPaths(home);
  if (template !== undefined && !(await isThere(data))) {
    const made = path.join(template, 'data');
    if (!(await isThere(made))) await makeTemplate(template, made);
    await copy('cp', ['-a', made, data]);
  }
  return startEmbeddedPostgres(home, options);
}

async function makeTemplate(folder: string, target: string): Promise<void> {
  const home = await temporaryHome();
  try {
    const server = await startEmbeddedPostgres(home, quick);
    try {
      const log = createLog({ level: 'silent', name: 'test' });
      const configuration = parseConfiguration({ LOWRANK_HOME: home, DATABASE_URL: server.url });
      const platform = await openPlatform(configuration, { name: 'test', log });
      await platform.close();
    } finally {
      await server.stop();
    }
    const partial = await mkdtemp(path.join(folder, 'partial-'));
    await copy('cp', ['-a', (await openPostgresPaths(home)).data, path.join(partial, 'data')]);
    // Another test may have been faster; its folder is as good.
    await rename(path.join(partial, 'data'), target).catch(() => undefined);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** It does not wait for the disk. */
const quick: EmbeddedPostgresOptions = { settings: { fsync: 'off' } };

/** Starts a Postgres in a home of its own, with the tables of this version unless it shall be `empty`. */
export async function startTestPostgres({ empty = false } = {}): Promise<TestPostgres> {
  const home = await temporaryHome();
  const start = empty ? startEmbeddedPostgres : startPostgresOf;
  let server = await start(home, quick);
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
      server = await startEmbeddedPostgres(home, quick);
      if (server.url !== url) throw new Error(`the port was taken meanwhile: ${url} became ${server.url}`);
    },
  };
}
