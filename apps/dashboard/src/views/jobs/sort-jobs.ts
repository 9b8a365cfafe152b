/** Which jobs a list shows, and in which order. */
import type { JobObject, JobStatus } from '#contracts/http/jobs.js';
import { hasWords, type Order, sortBy } from '../parts/long-table.js';
import { durationOf, methodName, nameOf, shareOf } from './job-facts.js';

export interface JobFilter {
  /** All of them are looked for: in names, ids, bases, data and errors. */
  readonly text: string;
  readonly status: JobStatus | 'unfinished' | 'all';
  /** Name of a base model; empty for all. */
  readonly base: string;
}

export const everyJob: JobFilter = { text: '', status: 'all', base: '' };

export const columns = [
  'status',
  'name',
  'base',
  'data',
  'method',
  'progress',
  'loss',
  'duration',
  'left',
  'started',
] as const;
export type Column = (typeof columns)[number];

export type JobOrder = Order<Column>;

/** Newest first. */
export const newestFirst: JobOrder = { column: 'started', isDown: true };

const ended: ReadonlySet<JobStatus> = new Set(['succeeded', 'failed', 'cancelled']);

export type NameOfFile = (id: string) => string;

export function filterJobs(
  jobs: readonly JobObject[],
  { text, status, base }: JobFilter,
  nameOfFile: NameOfFile,
): JobObject[] {
  return jobs.filter((job) => {
    if (base !== '' && job.model !== base) return false;
    if (status === 'unfinished' ? ended.has(job.status) : status !== 'all' && job.status !== status)
      return false;
    const { id, model, error, training_file } = job;
    const found = [nameOf(job), id, model, methodName(job), nameOfFile(training_file), error?.message];
    return hasWords(found.join(' '), text);
  });
}

/** What a column is sorted by; null comes last, whatever the direction. */
function keyOf(job: JobObject, column: Column, now: number, nameOfFile: NameOfFile): string | number | null {
  switch (column) {
    case 'status':
      return job.status;
    case 'name':
      return nameOf(job).toLowerCase();
    case 'base':
      return job.model.toLowerCase();
    case 'data':
      return nameOfFile(job.training_file).toLowerCase();
    case 'method':
      return methodName(job);
    case 'progress':
      return shareOf(job);
    case 'loss':
      return job.progress.loss;
    case 'duration':
      return durationOf(job, now);
    case 'left':
      return job.progress.seconds_left;
    case 'started':
      return job.created_at;
  }
}

interface SortContext {
  /** Seconds since 1970. */
  readonly now: number;
  readonly nameOfFile: NameOfFile;
}

/** Jobs that are equal in the column stay in their order. */
export function sortJobs(
  jobs: readonly JobObject[],
  order: JobOrder,
  { now, nameOfFile }: SortContext,
): JobObject[] {
  return sortBy(jobs, (job) => keyOf(job, order.column, now, nameOfFile), order);
}
