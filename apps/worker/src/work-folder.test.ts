import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sweepWork, WorkFolder } from './work-folder.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'work-folder-'));
});
afterEach(() => rm(home, { recursive: true }));

const jobId = 'ftjob-1';

async function attempt(number: number, device = 'cpu'): Promise<WorkFolder> {
  return WorkFolder.open(home, { jobId, attempt: number }, device);
}

async function train(work: WorkFolder, text: string): Promise<void> {
  await mkdir(work.out, { recursive: true });
  await writeFile(join(work.out, 'metrics.jsonl'), text);
}

test('an attempt takes over what the one before left, and its data', async () => {
  const first = await attempt(1);
  await train(first, 'one');
  await writeFile(join(first.data, 'file-1'), 'rows');
  const third = await attempt(3);
  expect(await readFile(join(third.out, 'metrics.jsonl'), 'utf8')).toBe('one');
  expect(await readFile(join(third.data, 'file-1'), 'utf8')).toBe('rows');
  expect((await readdir(dirname(dirname(third.out)))).toSorted()).toEqual(['attempt-3', 'data']);
});

test('the newest of several is taken', async () => {
  const [first, second] = [await attempt(1), await attempt(2)];
  await mkdir(dirname(first.out), { recursive: true });
  await train(first, 'late words of a process that came back');
  await train(second, 'two');
  const third = await attempt(3);
  expect(await readFile(join(third.out, 'metrics.jsonl'), 'utf8')).toBe('two');
});

test('on another kind of device training begins anew', async () => {
  await train(await attempt(1, 'cuda'), 'one');
  const second = await attempt(2, 'cpu');
  await expect(readdir(second.out)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('an attempt that comes too late is refused', async () => {
  await attempt(2);
  await expect(attempt(1)).rejects.toMatchObject({ code: 'claim_lost' });
});

test('the trainer of the attempt before is ended first', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  const first = await attempt(1);
  await first.noteTrainer(child.pid!);
  await attempt(2);
  expect((await ended)[1]).toBe('SIGKILL');
});

test('a process that only has the number of that trainer is left alone', async () => {
  const first = await attempt(1);
  await first.noteTrainer(process.pid);
  const file = join(dirname(first.out), 'note.json');
  const note = JSON.parse(await readFile(file, 'utf8')) as { trainer: { start: string } };
  note.trainer.start = 'another time';
  await writeFile(file, JSON.stringify(note));
  await expect(attempt(2)).resolves.toBeInstanceOf(WorkFolder);
});

test('the work of jobs that are over is swept', async () => {
  await attempt(1);
  await WorkFolder.open(home, { jobId: 'ftjob-2', attempt: 1 }, 'cpu');
  expect(await sweepWork(home, (ids) => Promise.resolve(ids.filter((id) => id === 'ftjob-2')))).toBe(1);
  expect(await readdir(join(home, 'work'))).toEqual([jobId]);
});
