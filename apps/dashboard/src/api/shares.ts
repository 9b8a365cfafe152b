/** Links as the page reads them. */
import { queryOptions } from '@tanstack/react-query';
import type { ShareObject } from '#contracts/http/shares.js';
import { SharesClient } from '#client/shares.js';
import { connection } from './connection.js';
import type { PagedList } from './use-pages.js';

export const sharesClient = new SharesClient(connection);

export const sharesKey = ['shares'] as const;

/** The links to an adapter, newest first. */
export const shareList = (adapter: string): PagedList<ShareObject> => ({
  key: [...sharesKey, 'list', adapter],
  page: (query, options) => sharesClient.page({ ...query, adapter }, options),
});

/** Who used a link, newest first. */
export const accessesQuery = (share: string) =>
  queryOptions({
    queryKey: [...sharesKey, 'accesses', share],
    queryFn: ({ signal }) => sharesClient.accesses(share, { signal }),
  });
