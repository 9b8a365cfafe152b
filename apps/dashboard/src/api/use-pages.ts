/** Lists that are longer than one page: another page is read when it is asked for. */
import { skipToken, useInfiniteQuery } from '@tanstack/react-query';
import type { PageQuery, ReadOptions } from '#client/pages.js';
import type { Page } from '#contracts/http/pages.js';

/** A list of the server, and the key that it has in the cache. */
export interface PagedList<T> {
  readonly key: readonly unknown[];
  readonly page: (query: PageQuery, options: ReadOptions) => Promise<Page<T>>;
}

export interface Pages<T> {
  /** Null until the first page is there. */
  readonly items: readonly T[] | null;
  readonly hasMore: boolean;
  /** Whether another page is on its way. */
  readonly isReading: boolean;
  readonly error: Error | null;
  readonly showMore: () => void;
}

/**
 * Reads a list page by page, and again every `everyMs`, which may depend on what is shown, while the page is looked at.
 * All pages that are shown are read anew each time, so that nothing is missed or doubled when rows come and go. Null
 * reads nothing.
 */
export function usePages<T>(
  list: PagedList<T> | null,
  pageSize: number,
  everyMs: number | ((shown: readonly T[]) => number) = 0,
): Pages<T> {
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: [...(list?.key ?? ['nothing']), { pageSize }],
    queryFn: list
      ? ({ pageParam: after, signal }) => list.page({ limit: pageSize, after }, { signal })
      : skipToken,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ has_more: hasMore, last_id: last }) => (hasMore && last !== null ? last : undefined),
    refetchInterval: ({ state }) =>
      typeof everyMs === 'number' ? everyMs : everyMs(itemsOf(state.data?.pages ?? [])),
  });
  return {
    items: data === undefined ? null : itemsOf(data.pages),
    hasMore: hasNextPage,
    isReading: isFetchingNextPage,
    error,
    showMore: () => void fetchNextPage(),
  };
}

const itemsOf = <T>(pages: readonly Page<T>[]): T[] => pages.flatMap(({ data }) => data);
