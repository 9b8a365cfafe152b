/** Compositions and merged models as the page reads them. */
import { queryOptions } from '@tanstack/react-query';
import type { CompositionCreate, CompositionObject, ExportObject } from '#contracts/http/compositions.js';
import { CompositionsClient } from '#client/compositions.js';
import { ExportsClient } from '#client/exports.js';
import { connection } from './connection.js';
import type { PagedList } from './use-pages.js';

export const compositionsClient = new CompositionsClient(connection);
export const exportsClient = new ExportsClient(connection);

/** A report depends on its request alone, as long as the members are there. */
const reportFreshMs = 60_000;

/** Newest first. */
export const compositionList: PagedList<CompositionObject> = {
  key: ['compositions'],
  page: (query, options) => compositionsClient.page(query, options),
};

/** What a composition would keep of the exact sum. */
export const previewQuery = (body: CompositionCreate) =>
  queryOptions({
    queryKey: ['preview', body],
    queryFn: async ({ signal }) => (await compositionsClient.preview(body, { signal })).report,
    staleTime: reportFreshMs,
    gcTime: reportFreshMs,
  });

/** The merged models of an adapter, newest first. */
export const exportList = (adapter: string): PagedList<ExportObject> => ({
  key: ['exports', adapter],
  page: (query, options) => exportsClient.page({ ...query, adapter }, options),
});
