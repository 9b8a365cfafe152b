import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchPackage } from './packages.js';
import { requirePrograms, runProgram } from './programs.js';

const all = ['python3', 'pip for python3', 'g++', 'npm'] as const;
const requireAll = (environment: NodeJS.ProcessEnv) =>
  requirePrograms(all, { task: 'building it', environment });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'programs-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A machine that has only these programs, each a line of shell. */
async function machineWith(programs: Readonly<Record<string, string>>): Promise<NodeJS.ProcessEnv> {
  for (const [name, line] of Object.entries(programs)) {
    const file = join(folder, name);
    await writeFile(file, `#!/bin/sh\n${line}\n`);
    await chmod(file, 0o755);
  }
  return { PATH: folder };
}

test('every program that is missing is named with the way to get it', async () => {
  const error = await requireAll(await machineWith({})).catch((error: unknown) => error);
  expect(error).toMatchObject({
    code: 'tools_missing',
    details: { missing: ['python3', 'g++', 'npm'] },
    message: expect.stringMatching(/python3 \(install .*g\+\+ \(install .*npm \(/) as unknown,
  });
});

test('a Python without pip is told apart from no Python', async () => {
  const environment = await machineWith({
    python3: 'test "$1" != -m || { echo "No module named pip" >&2; exit 1; }',
    'g++': '',
    npm: '',
  });
  await expect(requireAll(environment)).rejects.toMatchObject({
    details: { missing: ['pip for python3'] },
    message: expect.stringContaining('python3-pip') as unknown,
  });
});

test('a machine with all programs is taken', async () => {
  await expect(requireAll(await machineWith({ python3: '', 'g++': '', npm: '' }))).resolves.toBeUndefined();
});

test('a program that fails is told with the last that it said', async () => {
  const environment = await machineWith({ 'g++': 'echo fine; echo "no such header" >&2; exit 3' });
  await expect(runProgram('g++', [], { task: 'compiling', environment })).rejects.toMatchObject({
    code: 'program_failed',
    message: expect.stringMatching(
      /^compiling failed \(g\+\+: exit code 3\):\n[^]*no such header/,
    ) as unknown,
  });
});

test('a program is ended when the signal aborts, and the reason is thrown', async () => {
  const environment = await machineWith({ npm: 'exec /bin/sleep 60' });
  const abort = new AbortController();
  const running = runProgram('npm', [], { task: 'fetching', environment, signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
});

test('a package that is not the file that it was is not unpacked', async () => {
  const environment = await machineWith({ npm: 'echo changed > package-1.0.0.tgz' });
  const wanted = { name: '@some/package', version: '1.0.0', integrity: 'sha512-AAAA' };
  const target = join(folder, 'unpacked');
  await expect(fetchPackage(wanted, target, folder, { environment })).rejects.toMatchObject({
    code: 'download_damaged',
  });
  expect(await readdir(folder)).not.toContain('unpacked');
});
