/** Jobs as the page reads them. */
import { type InfiniteData, queryOptions } from '@tanstack/react-query';
import type { JobObject, JobStatus } from '#contracts/http/jobs.js';
import type { Page } from '#contracts/http/pages.js';
import type { CheckpointObject } from '#contracts/http/streams.js';
import { JobReader } from '#client/job-reader.js';
import { connection } from './connection.js';
import { queryClient, setNewest } from './query-client.js';
import type { PagedList } from './use-pages.js';

export const jobReader = new JobReader(connection);

export const jobsKey = ['jobs'] as const;
const listKey = [...jobsKey, 'list'] as const;
/** Jobs that are read again and again: the newest ones, and those that are not finished. */
export const freshJobsKey = [...jobsKey, 'fresh'] as const;
const sparkPoints = 200;
const maxPageSize = 100;

/** Newest first. */
export const jobList: PagedList<JobObject> = {
  key: listKey,
  page: (query, options) => jobReader.page(query, options),
};

/** The newest jobs, in one page. */
export const newestJobs = (limit: number) =>
  queryOptions({
    queryKey: [...jobsKey, 'newest', limit],
    queryFn: async ({ signal }) => (await jobReader.page({ limit }, { signal })).data,
  });

/** Newest first. */
export const checkpointList = (job: string): PagedList<CheckpointObject> => ({
  key: [...jobsKey, 'checkpoints', job],
  page: (query, options) => jobReader.checkpointsPage(job, query, options),
});

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: [...jobsKey, 'one', id],
    queryFn: ({ signal }) => jobReader.get(id, { signal }),
  });

/** The oldest jobs in a state: those that were there first. */
export const jobsInState = (status: JobStatus) =>
  queryOptions({
    queryKey: [...jobsKey, 'in-state', status],
    queryFn: async ({ signal }) => {
      const page = await jobReader.page({ status, order: 'asc', limit: maxPageSize }, { signal });
      return page.data;
    },
  });

/** Training losses of the last steps of a job, in their order. */
export const lossesQuery = (id: string) =>
  queryOptions({
    queryKey: [...jobsKey, 'losses', id],
    queryFn: async ({ signal }) => {
      const query = { kind: 'step', order: 'desc', limit: sparkPoints } as const;
      const { data } = await jobReader.metricsPage(id, query, { signal });
      const losses = data.flatMap((metric) => (metric.kind === 'step' ? [metric.values.loss] : []));
      return losses.filter((loss) => loss !== undefined).reverse();
    },
  });

/** Shows a job nowhere any more. */
export function forgetJob(id: string): void {
  queryClient.removeQueries({ queryKey: jobQuery(id).queryKey });
  const isOther = (job: JobObject) => job.id !== id;
  queryClient.setQueryData<JobObject[]>(freshJobsKey, (old) => old?.filter(isOther));
  queryClient.setQueriesData<InfiniteData<Page<JobObject>>>({ queryKey: listKey }, (lists) =>
    lists === undefined
      ? undefined
      : {
          ...lists,
          pages: lists.pages.map((page) => ({ ...page, data: page.data.filter(isOther) })),
        },
  );
  void queryClient.invalidateQueries({ queryKey: [...jobsKey, 'newest'] });
}

/** Shows a job as it is now, wherever it is shown. */
export function showJob(job: JobObject): void {
  setNewest(jobQuery(job.id).queryKey, job);
  const isThis = (old: JobObject) => old.id === job.id;
  queryClient.setQueryData<JobObject[]>(freshJobsKey, (old) =>
    old?.some(isThis) ? old.map((each) => (isThis(each) ? job : each)) : old && [job, ...old],
  );
  queryClient.setQueriesData<InfiniteData<Page<JobObject>>>({ queryKey: listKey }, (lists) =>
    lists === undefined
      ? undefined
      : {
          ...lists,
          pages: lists.pages.map((page) => ({
            ...page,
            data: page.data.map((old) => (isThis(old) ? job : old)),
          })),
        },
  );
}
