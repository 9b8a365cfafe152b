import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const example = join(root, 'examples/library/train.mjs');

test('the program in the README is the one in examples/library, and it trains', async () => {
  const program = await readFile(example, 'utf8');
  expect(await readFile(join(root, 'README.md'), 'utf8')).toContain(program);
  const folder = await mkdtemp(join(tmpdir(), 'library-'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [example, join(folder, 'run')], {
      cwd: root,
    });
    expect(stdout).toMatch(/^step 20: loss \d/m);
    expect(stdout).toContain(`${join(folder, 'run', 'adapter')}: `);
  } finally {
    await rm(folder, { recursive: true });
  }
});
