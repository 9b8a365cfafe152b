/** Uploads to a hub as the page reads them. */
import type { PushObject } from '#contracts/http/pushes.js';
import { PushesClient } from '#client/pushes.js';
import { connection } from './connection.js';
import type { PagedList } from './use-pages.js';

export const pushesClient = new PushesClient(connection);

/** Newest first. */
export const pushList: PagedList<PushObject> = {
  key: ['pushes'],
  page: (query, options) => pushesClient.page(query, options),
};
