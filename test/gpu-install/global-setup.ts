/**
 * Installs the libraries of CUDA and tfjs-node-gpu into a clean home, as a user would, and compiles drivers that have no
 * device. GPU_INSTALL_HOME names a home that is kept, for runs that need not fetch everything again.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { compileStubDriver, type StubDriver, stubDrivers } from './stub-driver.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** A LOWRANK_HOME with the libraries of CUDA and tfjs-node-gpu. */
    gpuHome: string;
    /** Folders with a libcuda.so.1 each. */
    stubDrivers: Readonly<Record<StubDriver, string>>;
  }
}

const root = join(import.meta.dirname, '../..');

export default async function setup({ provide }: TestProject): Promise<() => void> {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  const scratch = mkdtempSync(join(tmpdir(), 'gpu-install-'));
  const remove = () => rmSync(scratch, { recursive: true, force: true });
  try {
    const home = process.env['GPU_INSTALL_HOME'] ?? join(scratch, 'home');
    const entries = Object.entries(stubDrivers) as [StubDriver, string][];
    const folders = await Promise.all(
      entries.map(async ([name, source]) => [name, await compileStubDriver(source, join(scratch, name))]),
    );
    await Promise.all([install('cuda', home), install('tfjs-node-gpu', home)]);
    provide('gpuHome', home);
    provide('stubDrivers', Object.fromEntries(folders) as Record<StubDriver, string>);
    return remove;
  } catch (error) {
    remove();
    throw error;
  }
}

async function install(kind: string, home: string): Promise<void> {
  const begin = performance.now();
  const main = join(root, 'dist/apps/cli/src/main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'doctor', '--install', kind], {
    env: { ...process.env, LOWRANK_HOME: home },
    maxBuffer: 2 ** 24,
  });
  console.log(`${stdout.trim()} (${Math.round((performance.now() - begin) / 1000)} s)`);
}
