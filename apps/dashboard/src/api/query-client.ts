/** What the page has read, one entry for each key. */
import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '#client/errors.js';

export const queryClient = new QueryClient({
  defaultOptions: {
    // The client of the API tries again itself. A server on this machine answers without a network, too.
    queries: { retry: false, networkMode: 'always' },
    mutations: { retry: false, networkMode: 'always' },
  },
});

/** Puts something newer than any answer that is still on its way into the cache. */
export function setNewest(queryKey: readonly unknown[], data: unknown): void {
  void queryClient.cancelQueries({ queryKey, exact: true });
  queryClient.setQueryData(queryKey, data);
}

/** Whether what was read before is not there any more. */
export const isGone = (error: Error | null) => error instanceof ApiError && error.status === 404;
