/** Lists that are longer than one page: another page is read when it is asked for. */
import { useEffect, useState } from 'react';
import type { Page } from '#contracts/http/pages.js';
import { get, type RequestError } from './http.js';

export interface Pages<T> {
  /** Null until the first page is there. */
  readonly items: readonly T[] | null;
  readonly hasMore: boolean;
  readonly isReading: boolean;
  readonly error: RequestError | null;
  readonly showMore: () => void;
  readonly reload: () => void;
}

/**
 * Reads a list page by page, and again every `everyMs` while the page is looked at. All pages that are shown are read
 * anew each time, so that nothing is missed or doubled when rows come and go.
 */
export function usePages<T>(path: string | null, pageSize: number, everyMs = 0): Pages<T> {
  const [items, setItems] = useState<readonly T[] | null>(null);
  const [hasMore, setHasMore] = useState(false);
  const [isReading, setReading] = useState(false);
  const [error, setError] = useState<RequestError | null>(null);
  const [pages, setPages] = useState(1);
  const [turn, setTurn] = useState(0);
  useEffect(() => setPages(1), [path]);
  useEffect(() => {
    if (path === null) return;
    const stopping = new AbortController();
    const read = async () => {
      setReading(true);
      try {
        const found = await readPages<T>(path, pageSize, pages, stopping.signal);
        setItems(found.items);
        setHasMore(found.hasMore);
        setError(null);
      } catch (failure) {
        if (stopping.signal.aborted) return;
        setError(failure as RequestError);
      }
      setReading(false);
    };
    void read();
    const timer = everyMs > 0 ? setInterval(() => document.hidden || void read(), everyMs) : undefined;
    return () => {
      stopping.abort();
      clearInterval(timer);
    };
  }, [path, pageSize, everyMs, pages, turn]);
  const showMore = () => setPages((count) => count + 1);
  return { items, hasMore, isReading, error, showMore, reload: () => setTurn((n) => n + 1) };
}

interface Shown<T> {
  readonly items: readonly T[];
  readonly hasMore: boolean;
}

/** The first pages of a list. */
export async function readPages<T>(
  path: string,
  pageSize: number,
  pages: number,
  signal?: AbortSignal,
): Promise<Shown<T>> {
  const items: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < pages; page++) {
    const query: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
    const joint = path.includes('?') ? '&' : '?';
    const { data, has_more, last_id } = await get<Page<T>>(
      `${path}${joint}limit=${pageSize}${query}`,
      signal,
    );
    items.push(...data);
    if (!has_more || last_id === null) return { items, hasMore: false };
    after = last_id;
  }
  return { items, hasMore: true };
}
