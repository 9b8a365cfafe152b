import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MetricsLog, readMetrics } from '#training/metrics-log.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrics-log-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const upTo = (last: number) => (record: { readonly step?: unknown }) => (record.step as number) <= last;

async function write(steps: readonly number[]): Promise<void> {
  const log = await MetricsLog.open(path, upTo(Infinity));
  for (const step of steps) await log.append({ step });
  await log.close();
}

async function stepsIn(): Promise<unknown[]> {
  return (await readMetrics(path)).map(({ step }) => step);
}

test('a log that is not there is empty', async () => expect(await readMetrics(path)).toEqual([]));

test('reopening cuts off what will be written again', async () => {
  await write([1, 2, 3, 4]);
  const log = await MetricsLog.open(path, upTo(2));
  await log.append({ step: 3 });
  await log.close();
  expect(await stepsIn()).toEqual([1, 2, 3]);
});

test('nothing is kept of a log whose first line is not to be kept', async () => {
  await write([5, 6]);
  await (await MetricsLog.open(path, upTo(0))).close();
  expect(await readFile(path, 'utf8')).toBe('');
});

test.each(['{"step":3', '{"step":3}', 'null\n', 'NUL\0\n'])(
  'a torn last line %j is cut off',
  async (torn) => {
    await write([1, 2]);
    await appendFile(path, torn);
    const log = await MetricsLog.open(path, upTo(9));
    await log.append({ step: 3 });
    await log.close();
    expect(await stepsIn()).toEqual([1, 2, 3]);
  },
);
