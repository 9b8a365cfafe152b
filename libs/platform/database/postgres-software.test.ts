import { chmod, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linkLibraries } from '#platform/database/postgres-software.js';

let native: string;
beforeEach(async () => {
  native = path.join(await mkdtemp(path.join(tmpdir(), 'lowrank-links-')), 'anything');
  await mkdir(path.join(native, 'lib'), { recursive: true });
  await writeFile(path.join(native, 'lib/libpq.so.5.18'), 'the library');
  const links = ['native/lib/libpq.so', 'native/lib/libpq.so.5'].map((target) => ({
    source: 'native/lib/libpq.so.5.18',
    target,
  }));
  await writeFile(path.join(native, 'pg-symlinks.json'), JSON.stringify(links));
});
afterEach(async () => {
  await chmod(path.join(native, 'lib'), 0o755);
  await rm(path.dirname(native), { recursive: true, force: true });
});

/** Runs an action as an account that may not write into others' folders. */
async function unprivileged<T>(action: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return action();
  process.seteuid!(65_534);
  try {
    return await action();
  } finally {
    process.seteuid!(0);
  }
}

test('the links between libraries that npm leaves out are made, and made once', async () => {
  await symlink('libpq.so.5.18', path.join(native, 'lib/libpq.so'));
  expect(await linkLibraries(native)).toBe(true);
  expect(await readFile(path.join(native, 'lib/libpq.so.5'), 'utf8')).toBe('the library');
  // Relative, so that the folder can be moved.
  expect(await readlink(path.join(native, 'lib/libpq.so.5'))).toBe('libpq.so.5.18');
  expect(await linkLibraries(native)).toBe(true);
});

test('a folder that cannot be written is told, unless its links are there already', async () => {
  await chmod(path.dirname(native), 0o755);
  await chmod(path.join(native, 'lib'), 0o555);
  expect(await unprivileged(() => linkLibraries(native))).toBe(false);
  await chmod(path.join(native, 'lib'), 0o755);
  await linkLibraries(native);
  await chmod(path.join(native, 'lib'), 0o555);
  expect(await unprivileged(() => linkLibraries(native))).toBe(true);
});
