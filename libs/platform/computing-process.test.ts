import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { forkComputing } from '#platform/computing-process.js';

let folder: string;
let main: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computing-'));
  main = join(folder, 'main.mjs');
  await writeFile(
    main,
    `console.log('x'.repeat(5000) + 'the end');
     process.send({ given: process.argv.slice(2), names: Object.keys(process.env) });
     process.once('message', () => process.disconnect());`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** Of a process that comes after this one, whose own priority is that of who runs the tests. */
const after = (nice: number) => Math.min(getPriority() + nice, constants.priority.PRIORITY_LOW);

test('a process that computes knows no secret, comes after others, and is heard to its end', async () => {
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'S3_ACCESS_KEY', 'S3_SECRET_KEY', 'LOG_LEVEL']) {
    vi.stubEnv(name, 'x');
  }
  const { child, output } = forkComputing(main, ['a', 'b'], { environment: { EXTRA: '1' } });
  const [said] = (await once(child, 'message')) as [{ given: string[]; names: string[] }];
  expect(said.given).toEqual(['a', 'b']);
  expect(said.names).toEqual(expect.arrayContaining(['EXTRA', 'LOG_LEVEL']));
  expect(said.names.filter((name) => /^(DATABASE|REDIS|S3)_/.test(name))).toEqual([]);
  expect(getPriority(child.pid)).toBe(after(10));
  child.send('go on');
  await once(child, 'close');
  expect(output()).toHaveLength(4000);
  expect(output().trim().endsWith('the end')).toBe(true);
  vi.unstubAllEnvs();
});

test('a process whose answer somebody waits for comes after the service and before those that train', async () => {
  const training = forkComputing(main, []);
  const awaited = forkComputing(main, [], { isAwaited: true });
  const both = [training.child, awaited.child];
  for (const child of both) await once(child, 'message');
  expect(both.map(({ pid }) => getPriority(pid))).toEqual([after(10), after(5)]);
  const closed = both.map((child) => once(child, 'close'));
  for (const child of both) child.send('go on');
  await Promise.all(closed);
});
