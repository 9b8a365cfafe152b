import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { closeContents, closeHome } from './private-home.js';

let folder: string;
let home: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'private-home-'));
  home = join(folder, 'home');
});
afterEach(() => rm(folder, { recursive: true }));

const modeOf = async (...parts: string[]) => (await stat(join(home, ...parts))).mode & 0o777;
/** An account of its own for Postgres must pass through a home of root. */
const closed = process.getuid?.() === 0 ? 0o710 : 0o700;

test('a new home is closed to other accounts', async () => {
  expect(await closeHome(home)).toBe(false);
  expect(await modeOf()).toBe(closed);
});

test('an open home and all in it are closed once; links are not followed', async () => {
  await mkdir(join(home, 'objects'), { recursive: true });
  await writeFile(join(home, 'objects/a'), 'text');
  await writeFile(join(home, 'program'), '#!/bin/sh');
  await writeFile(join(folder, 'outside'), 'text');
  await symlink(join(folder, 'outside'), join(home, 'link'));
  for (const [name, mode] of [
    ['', 0o755],
    ['objects', 0o777],
    ['objects/a', 0o644],
    ['program', 0o755],
    ['link', 0o644],
  ] as const) {
    await chmod(join(home, name), mode);
  }
  expect(await closeHome(home)).toBe(true);
  expect(await closeContents(home)).toBe(3);
  expect(await modeOf()).toBe(closed);
  expect(await modeOf('objects')).toBe(0o700);
  expect(await modeOf('objects/a')).toBe(0o600);
  expect(await modeOf('program')).toBe(0o700);
  expect(await modeOf('link')).toBe(0o644);
  expect([await closeHome(home), await closeContents(home)]).toEqual([false, 0]);
});

test('a home that lets nobody in stays so', async () => {
  await mkdir(home, { mode: 0o700 });
  expect(await closeHome(home)).toBe(false);
  expect(await modeOf()).toBe(0o700);
});
