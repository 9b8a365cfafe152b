/** A folder for what tests of one run share: the data of a new Postgres, which the first that needs one puts there. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Vitest calls this before the first test of a project, and what it yields after the last. */
export default async function makeFolder(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lowrank-template-'));
  // The account of Postgres walks through it where root runs the tests.
  await chmod(folder, 0o755);
  process.env['LOWRANK_TEST_TEMPLATE'] = folder;
  return () => rm(folder, { recursive: true, force: true });
}
