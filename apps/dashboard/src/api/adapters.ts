/** Adapters as the page reads them. */
import { queryOptions } from '@tanstack/react-query';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { AdaptersClient } from '#client/adapters.js';
import { connection } from './connection.js';
import { blobOf } from './files.js';
import type { PagedList } from './use-pages.js';

export const adaptersClient = new AdaptersClient(connection);

export const adaptersKey = ['adapters'] as const;

/** Newest first; of one base model if it is given. */
export const adapterList = (model?: string): PagedList<AdapterObject> => ({
  key: [...adaptersKey, 'list', model ?? null],
  page: (query, options) => adaptersClient.page({ ...query, model }, options),
});

export const adapterQuery = (id: string) =>
  queryOptions({
    queryKey: [...adaptersKey, 'one', id],
    queryFn: ({ signal }) => adaptersClient.get(id, { signal }),
  });

/** A file of an adapter that is text. */
export const cardQuery = (id: string, name: string) =>
  queryOptions({
    queryKey: [...adaptersKey, 'text', id, name],
    queryFn: async ({ signal }) => (await blobOf(adaptersClient.file(id, name, { signal }))).text(),
  });
