import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keptSpeed, measureSpeed } from '#jobs/machine-speed.js';

let home: string;
let main: string;
const { signal } = new AbortController();
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'speed-'));
  main = join(home, 'main.mjs');
});
afterEach(() => rm(home, { recursive: true }));

const speed = (processorShare: number) => ({
  points: [{ width: 128, rows: 64, operationsPerSecond: 1e9 }],
  compileSecondsPerLayer: 0.1,
  processorShare,
});
const says = (share: number) => writeFile(main, `console.log('${JSON.stringify(speed(share))}')`);

test('what a quiet machine measured is kept, for this engine and processor', async () => {
  await says(0.95);
  expect(await keptSpeed(home)).toBeNull();
  expect(await measureSpeed(home, { main, signal })).toEqual(speed(0.95));
  expect(await keptSpeed(home)).toEqual(speed(0.95));
  const file = join(home, 'machine-speed.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/"engine":"./, '"engine":"-'));
  expect(await keptSpeed(home)).toBeNull();
  await writeFile(file, text.slice(0, -5));
  expect(await keptSpeed(home)).toBeNull();
});

test('what a busy machine measured is told and not kept', async () => {
  await says(0.5);
  expect(await measureSpeed(home, { main, signal })).toEqual(speed(0.5));
  expect(await keptSpeed(home)).toBeNull();
});

test('a process that fails says nothing that is taken for a speed', async () => {
  await writeFile(main, `console.log('{"points": []}')`);
  await expect(measureSpeed(home, { main, signal })).rejects.toThrow(/points/);
  await writeFile(main, 'process.exit(3)');
  await expect(measureSpeed(home, { main, signal })).rejects.toThrow(/Command failed/);
});
