/** Every job of the project: the old ones read once, the newest and the unfinished ones again and again. */
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { isOver } from '#client/job-reader.js';
import type { JobObject, JobStatus } from '#contracts/http/jobs.js';
import { freshJobsKey, jobList, jobReader } from './jobs.js';

const pageSize = 100;
/** More are neither looked through by people nor kept in memory. */
const most = 5000;
const newest = 20;
/** Jobs that ended since they were read are looked up one by one, so many at a time. */
const lookedUp = 20;
const unfinished = [
  'validating_files',
  'queued',
  'running',
  'paused',
] as const satisfies readonly JobStatus[];

export interface AllJobs {
  /** Newest first; null until the first of them are there. */
  readonly jobs: readonly JobObject[] | null;
  /** Whether older ones are still being read. */
  readonly isReading: boolean;
  readonly error: Error | null;
}

export function useAllJobs(everyMs: number): AllJobs {
  const queries = useQueryClient();
  const older = useInfiniteQuery({
    queryKey: [...jobList.key, { pageSize }],
    queryFn: ({ pageParam: after, signal }) => jobList.page({ limit: pageSize, after }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ has_more: hasMore, last_id: last }) => (hasMore && last !== null ? last : undefined),
    staleTime: Infinity,
  });
  const { hasNextPage, isFetching, fetchNextPage, data } = older;
  const count = data?.pages.reduce((sum, page) => sum + page.data.length, 0) ?? 0;
  const goesOn = hasNextPage && count < most;
  useEffect(() => {
    if (goesOn && !isFetching) void fetchNextPage();
  }, [goesOn, isFetching, fetchNextPage]);
  const fresh = useQuery({
    queryKey: freshJobsKey,
    queryFn: ({ signal }) => {
      const shown = queries.getQueryData<JobObject[]>(freshJobsKey) ?? [];
      const known = [...shown, ...(data?.pages.flatMap((page) => page.data) ?? [])];
      return readFresh(
        known.filter((job) => !isOver(job)),
        signal,
      );
    },
    refetchInterval: everyMs,
  });
  const jobs = useMemo(
    () =>
      merge(
        data?.pages.flatMap((page) => page.data),
        fresh.data,
      ),
    [data, fresh.data],
  );
  return { jobs, isReading: goesOn, error: older.error ?? fresh.error };
}

/** The newest jobs, those that are not finished, and those that were not when they were read before. */
async function readFresh(open: readonly JobObject[], signal: AbortSignal): Promise<JobObject[]> {
  const first = await jobReader.page({ limit: newest }, { signal });
  const found = new Map(first.data.map((job) => [job.id, job]));
  const states = new Set([...open, ...first.data].map(({ status }) => status));
  // A state that no job is in is not asked for, unless there are jobs that nobody looked at yet.
  const asked = unfinished.filter((status) => states.has(status));
  for (const status of first.has_more ? asked : []) {
    const page = await jobReader.page({ status, limit: pageSize }, { signal });
    for (const job of page.data) found.set(job.id, job);
  }
  const lost = open.filter(({ id }) => !found.has(id)).slice(0, lookedUp);
  const ended = await Promise.all(lost.map(({ id }) => jobReader.get(id, { signal }).catch(() => null)));
  return [...found.values(), ...ended.filter((job) => job !== null)];
}

function merge(
  older: readonly JobObject[] | undefined,
  fresh: readonly JobObject[] | undefined,
): readonly JobObject[] | null {
  if (older === undefined && fresh === undefined) return null;
  const all = new Map([...(older ?? []), ...(fresh ?? [])].map((job) => [job.id, job]));
  return [...all.values()].toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
}
