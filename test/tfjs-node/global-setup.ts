/**
 * Builds the CPU's tfjs-node into a clean folder, as a user would. What that needs and is missing here fails the tests:
 * none is left out.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** A LOWRANK_HOME with tfjs-node in it. */
    tfjsNodeHome: string;
  }
}

const root = join(import.meta.dirname, '../..');

export default function setup({ provide }: TestProject): () => void {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  execFileSync(npm, ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  const home = mkdtempSync(join(tmpdir(), 'tfjs-node-'));
  const remove = () => rmSync(home, { recursive: true, force: true });
  const { status, stderr } = spawnSync(process.execPath, ['dist/tools/tfjs-node/main.js', 'tfjs-node'], {
    cwd: root,
    env: { ...process.env, LOWRANK_HOME: home },
    stdio: ['ignore', 'inherit', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) {
    remove();
    throw new Error(`tfjs-node could not be installed: ${stderr.trim()}`);
  }
  provide('tfjsNodeHome', home);
  return remove;
}
