/** What a worker hears of its trainer, on its way into the rows of the job. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { ProgressWriter } from '../../apps/worker/src/progress-writer.js';
import type { RunRecords } from '../../apps/worker/src/run-records.js';
import { JobsDatabase, silentLog } from './jobs-setup.js';

let jobs: JobsDatabase;
beforeAll(async () => void (jobs = await JobsDatabase.start()), 120_000);
afterAll(() => jobs.close());

test('all of it comes to the job: metrics, events, facts, decisions, and what it waits for', async () => {
  const { id } = await jobs.create();
  const { attempt } = (await new Claims(jobs.parts).claimJob(id, 'worker-a', 'cpu'))!;
  const failures: unknown[] = [];
  const writer = new ProgressWriter(jobs.parts, { jobId: id, attempt }, silentLog, {
    onLost: () => failures.push('lost'),
    onError: (error) => failures.push(error),
    signal: new AbortController().signal,
  });
  const choices = [{ option: 'batch_size', value: 2, reason: 'small' }];
  const chosen = { batch_size: 2 } as NonNullable<RunRecords['decided']>['chosen'];
  writer.add({ facts: { totalSteps: 20 }, decided: { device: 'cpu', chosen, choices } });
  writer.add({ metrics: [{ step: 1, kind: 'step', values: { loss: 1 } }] });
  writer.add({ events: [{ level: 'info', code: 'x', message: 'y', at: new Date() }] });
  writer.add({ waiting: { code: 'store_unavailable', message: 'away' } });
  await writer.flush();
  expect(failures).toEqual([]);
  expect(await jobs.read(id)).toMatchObject({
    step: 1,
    totalSteps: 20,
    choices,
    waiting: { code: 'store_unavailable' },
  });
  expect((await jobs.events(id)).map(({ code }) => code)).toContain('x');
  writer.add({ waiting: null });
  await writer.flush();
  expect((await jobs.read(id)).waiting).toBeNull();
});
