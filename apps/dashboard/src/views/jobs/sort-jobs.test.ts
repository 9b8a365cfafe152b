import { expect, test } from 'vitest';
import type { JobObject } from '#contracts/http/jobs.js';
import { everyJob, filterJobs, sortJobs } from './sort-jobs.js';

const job = (id: string, loss: number | null, more: object = {}) =>
  ({
    id,
    suffix: id,
    model: 'base',
    status: 'succeeded',
    error: null,
    training_file: `file-${id}`,
    created_at: 1,
    method: { type: 'supervised' },
    progress: { step: 0, total_steps: null, loss },
    ...more,
  }) as unknown as JobObject;

const context = { now: 0, nameOfFile: (id: string) => `${id}.jsonl` };
const ids = (jobs: readonly JobObject[]) => jobs.map(({ id }) => id);

test('jobs without a loss come last in both directions', () => {
  const jobs = [job('a', null), job('b', 2), job('c', 1)];
  expect(ids(sortJobs(jobs, { column: 'loss', isDown: false }, context))).toEqual(['c', 'b', 'a']);
  expect(ids(sortJobs(jobs, { column: 'loss', isDown: true }, context))).toEqual(['b', 'c', 'a']);
});

test('every word of a search must be found, be it in the name of the data or in an error', () => {
  const failed = job('b', 1, { status: 'failed', error: { message: 'out of memory' } });
  const jobs = [job('a', 1), failed];
  const found = (text: string) => ids(filterJobs(jobs, { ...everyJob, text }, context.nameOfFile));
  expect(found('FILE-a.json')).toEqual(['a']);
  expect(found('memory base')).toEqual(['b']);
  expect(found('memory file-a')).toEqual([]);
});

test('a filter takes status and base together', () => {
  const jobs = [
    job('a', 1, { status: 'queued' }),
    job('b', 1),
    job('c', 1, { model: 'other', status: 'paused' }),
  ];
  const found = (filter: object) => ids(filterJobs(jobs, { ...everyJob, ...filter }, context.nameOfFile));
  expect(found({ status: 'unfinished' })).toEqual(['a', 'c']);
  expect(found({ status: 'unfinished', base: 'other' })).toEqual(['c']);
  expect(found({ status: 'succeeded' })).toEqual(['b']);
});
