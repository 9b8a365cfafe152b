import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tfjsNodePaths } from '#runtime/tfjs-node-paths.js';
import { tfjsNodeFolder, tfjsNodeHome } from './places.js';

const main = join(import.meta.dirname, '../../dist/tools/tfjs-node/main.js');

/** Runs the installation and yields what it wrote; throws if it fails. */
async function install(folder: string, environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const args = [main, 'tfjs-node', '--folder', folder];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: environment });
  return stdout;
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tfjs-node-install-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The installation of these tests in another place, its libraries as links. */
async function copyInstallation(): Promise<ReturnType<typeof tfjsNodePaths>> {
  const [from, to] = [tfjsNodePaths('tfjs-node', tfjsNodeFolder()), tfjsNodePaths('tfjs-node', folder)];
  await mkdir(to.folder);
  for (const name of await readdir(from.folder)) {
    if (name === 'lib') await symlink(join(from.folder, name), join(to.folder, name));
    else await cp(join(from.folder, name), join(to.folder, name), { recursive: true });
  }
  return to;
}

test('installing what is there and works does nothing, and says so', async () => {
  const before = await readdir(tfjsNodeFolder());
  const text = await install(tfjsNodeFolder(), { ...process.env, PATH: '/nowhere' });
  expect(text).toMatch(/^tfjs-node is in .* already and works: TensorFlow 2\.15\.1, on the CPU\n$/);
  expect(await readdir(tfjsNodeFolder())).toEqual(before);
  expect(await readdir(tfjsNodeHome())).toContain('tfjs-node');
});

test('an installation works in another place', async () => {
  await copyInstallation();
  expect(await install(folder)).toContain('already and works');
});

test('an installation that is broken is built again, for which the tools must be there', async () => {
  const { addon } = await copyInstallation();
  await writeFile(addon, 'not a library');
  const failed = await install(folder, { ...process.env, PATH: '/nowhere' }).catch((error: unknown) => error);
  expect(failed).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/does not work, so it is built again: .*does not load/) as unknown,
    stderr: expect.stringMatching(/lacks: python3 \(.*g\+\+ \(/) as unknown,
  });
  expect(await readdir(folder)).toEqual(['tfjs-node']);
});

test('what a build that was killed left is taken away, and a build that fails leaves nothing', async () => {
  const gone = 2 ** 22 - 1;
  await mkdir(join(folder, `.building-${gone}/tfjs-node`), { recursive: true });
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const name of ['python3', 'g++', 'npm']) {
    await writeFile(join(bin, name), '#!/bin/sh\ntest "$1" != pack || exit 1\n', { mode: 0o755 });
  }
  await expect(install(folder, { ...process.env, PATH: bin })).rejects.toMatchObject({
    stderr: expect.stringContaining('fetching @tensorflow/tfjs-node with npm failed') as unknown,
  });
  expect(await readdir(folder)).toEqual(['bin']);
});
