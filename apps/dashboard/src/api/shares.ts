/** Links as the page reads them. */
import { queryOptions } from '@tanstack/react-query';
import type { ShareObject } from '#contracts/http/shares.js';
import { client } from './client.js';
import type { PagedList } from './use-pages.js';

export const sharesKey = ['shares'] as const;

/** The links to an adapter, newest first. */
export const shareList = (adapter: string): PagedList<ShareObject> => ({
  key: [...sharesKey, 'list', adapter],
  page: (query, options) => client.shares.page({ ...query, adapter }, options),
});

/** Who used a link, newest first. */
export const accessesQuery = (share: string) =>
  queryOptions({
    queryKey: [...sharesKey, 'accesses', share],
    queryFn: ({ signal }) => client.shares.accesses(share, { signal }),
  });
