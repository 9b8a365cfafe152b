/** Lists that are longer than one page: another page is read when it is asked for. */
import { useCallback, useEffect, useState } from 'react';
import type { Page } from '#contracts/http/pages.js';
import { get, type RequestError } from './http.js';
import { readRepeatedly } from './read-repeatedly.js';

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
 * Reads a list page by page, and again every `everyMs`, which may depend on what is shown, while the page is looked at.
 * All pages that are shown are read anew each time, so that nothing is missed or doubled when rows come and go.
 */
export function usePages<T>(
  path: string | null,
  pageSize: number,
  everyMs: number | ((shown: readonly T[]) => number) = 0,
): Pages<T> {
  const [asked, setAsked] = useState({ path, pages: 1 });
  // Another list begins with its first page; what the one before held is not shown for it.
  if (asked.path !== path) setAsked({ path, pages: 1 });
  const [answer, setAnswer] = useState<Answer<T>>();
  const { shown = null, error = null } = answer?.of.path === path ? answer : {};
  const pauseMs = typeof everyMs === 'number' ? everyMs : everyMs(shown?.items ?? []);
  useEffect(() => {
    const { path: address, pages } = asked;
    if (address === null) return;
    return readRepeatedly(pauseMs, async (signal) => {
      try {
        const found = await readPages<T>(address, pageSize, pages, signal);
        setAnswer({ of: asked, shown: found, error: null });
      } catch (failure) {
        if (signal.aborted) return;
        const kept = (old?: Answer<T>) => (old?.of.path === address ? old.shown : null);
        setAnswer((old) => ({ of: asked, shown: kept(old), error: failure as RequestError }));
      }
    });
  }, [asked, pageSize, pauseMs]);
  const showMore = useCallback(() => setAsked((old) => ({ ...old, pages: old.pages + 1 })), []);
  const reload = useCallback(() => setAsked((old) => ({ ...old })), []);
  return {
    items: shown?.items ?? null,
    hasMore: shown?.hasMore ?? false,
    isReading: path !== null && answer?.of !== asked,
    error,
    showMore,
    reload,
  };
}

interface Answer<T> {
  readonly of: { readonly path: string | null; readonly pages: number };
  readonly shown: Shown<T> | null;
  readonly error: RequestError | null;
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
