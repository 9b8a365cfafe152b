/** A whole list that people look through at once. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import type { PagedList } from './use-pages.js';

const pageSize = 100;
/** More are neither looked through by people nor kept in memory. */
const most = 5000;

export interface EveryPage<T> {
  /** In the order of the list; null until the first page is there. */
  readonly items: readonly T[] | null;
  /** Whether further pages are on their way. */
  readonly isReading: boolean;
  readonly error: Error | null;
}

/** Reads page after page, and all of them again every `everyMs`. */
export function useEveryPage<T>(list: PagedList<T>, everyMs: number): EveryPage<T> {
  const { data, error, hasNextPage, isFetching, fetchNextPage } = useInfiniteQuery({
    queryKey: [...list.key, { pageSize, every: true }],
    queryFn: ({ pageParam: after, signal }) => list.page({ limit: pageSize, after }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ has_more: hasMore, last_id: last }) => (hasMore && last !== null ? last : undefined),
    refetchInterval: everyMs,
  });
  const items = useMemo(() => data?.pages.flatMap((page) => page.data) ?? null, [data]);
  const goesOn = hasNextPage && (items?.length ?? 0) < most;
  useEffect(() => {
    if (goesOn && !isFetching) void fetchNextPage();
  }, [goesOn, isFetching, fetchNextPage]);
  return { items, isReading: goesOn, error };
}
