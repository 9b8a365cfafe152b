import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findHolder, lockHome } from './home-lock.js';
import { processStart } from '#platform/process-identity.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'home-lock-'));
});
afterEach(() => rm(home, { recursive: true }));

test('a home is taken once, and again after its release', async () => {
  const lock = await lockHome(home);
  expect(lock.wasLeftBehind).toBe(false);
  await lock.note('http://127.0.0.1:1');
  await expect(lockHome(home)).rejects.toMatchObject({
    code: 'home_in_use',
    details: { pid: process.pid, url: 'http://127.0.0.1:1' },
    message: expect.stringContaining(`kill ${process.pid}`) as unknown,
  });
  await lock.release();
  expect(await readdir(home)).toEqual([]);
  await (await lockHome(home)).release();
});

test('what a dead process left behind is taken over', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  await writeFile(join(home, 'launcher.json'), JSON.stringify({ pid: child.pid }));
  expect(await findHolder(home)).toBeUndefined();
  const lock = await lockHome(home);
  expect(lock.wasLeftBehind).toBe(true);
  expect(await findHolder(home)).toMatchObject({ pid: process.pid });
  await lock.release();
});

test.runIf(process.platform === 'linux')('another process under an old number holds nothing', async () => {
  const holder = { pid: process.pid, start: `${processStart(process.pid)!}0` };
  await writeFile(join(home, 'launcher.json'), JSON.stringify(holder));
  expect(await findHolder(home)).toBeUndefined();
  await (await lockHome(home)).release();
});

test('a damaged file holds nothing', async () => {
  await writeFile(join(home, 'launcher.json'), '{"pid":');
  const lock = await lockHome(home);
  expect(JSON.parse(await readFile(join(home, 'launcher.json'), 'utf8'))).toMatchObject({ pid: process.pid });
  await lock.release();
});

test('of several that want a home left behind at once, one gets it', async () => {
  const file = join(home, 'launcher.json');
  // Which of them is when between two steps is another matter in each round.
  for (let round = 0; round < 50; round++) {
    await writeFile(file, 'left');
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockHome(home)));
    const taken = results.filter(({ status }) => status === 'fulfilled');
    expect(taken, `round ${round}`).toHaveLength(1);
    expect(await readdir(home)).toEqual(['launcher.json']);
  }
});

test('a home is taken though somebody was killed while taking it', async () => {
  for (const name of ['launcher.json', 'launcher.json.removing']) await writeFile(join(home, name), 'left');
  const lock = await lockHome(home);
  expect(lock.wasLeftBehind).toBe(true);
  expect(await readdir(home)).toEqual(['launcher.json']);
});

test('a home that cannot be made is an error that names it', async () => {
  const file = join(home, 'file');
  await writeFile(file, '');
  await expect(lockHome(join(file, 'home'))).rejects.toMatchObject({
    code: 'home_unusable',
    message: expect.stringContaining('LOWRANK_HOME') as unknown,
  });
});
