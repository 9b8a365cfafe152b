/** Compiles the program once before the end-to-end tests: child processes run what is in dist. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Vitest calls this before the first test of the project. */
export default function build(): void {
  execFileSync('npm', ['run', '--silent', 'build:program'], { cwd: root, stdio: 'inherit' });
}
