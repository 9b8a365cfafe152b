/** A disk without room, under the log and under everything: the service waits for room and goes on. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { prepareTinyJob } from './stack.js';
import { waitForEnd } from './stack-watch.js';

const main = join(import.meta.dirname, '../../dist/apps/cli/src/main.js');
const { PATH, HOME } = process.env;
/** A file of Linux that takes no byte. */
const full = '/dev/full';

test.runIf(existsSync(full))(
  'a service whose log has no room runs jobs',
  async () => {
    const home = await mkdtemp(join(tmpdir(), 'lowrank-full-'));
    const log = await open(full, 'w');
    const launcher = spawn(process.execPath, [main, 'start', '--json'], {
      env: { PATH, HOME, LOWRANK_HOME: home, PORT: '0', WORKER_MEASURES_SPEED: 'false' },
      stdio: ['ignore', 'pipe', log.fd],
    });
    const ended = once(launcher, 'exit');
    try {
      const [line] = (await once(createInterface({ input: launcher.stdout! }), 'line')) as [string];
      const client = new LowrankClient({ url: (JSON.parse(line) as { url: string }).url });
      const job = await prepareTinyJob({ client, home });
      const { id } = await client.jobs.create(job);
      expect(await waitForEnd(client, id)).toMatchObject({ status: 'succeeded' });
      expect(launcher.exitCode).toBeNull();
      launcher.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    } finally {
      launcher.kill('SIGTERM');
      await ended;
      await log.close();
      await rm(home, { recursive: true, force: true });
    }
  },
  120_000,
);

test.runIf(existsSync(full))('a command whose output has no room fails without a stack', async () => {
  const run = promisify(execFile)('/bin/sh', ['-c', '"$0" "$1" where > /dev/full', process.execPath, main]);
  const error = (await run.catch((error: unknown) => error)) as { code: number; stderr: string };
  expect(error.code).toBe(1);
  expect(error.stderr).toMatch(/^error: the output could not be written: ENOSPC[^\n]*\n$/);
});
