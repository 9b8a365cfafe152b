/** Workers, queue and models as the page reads them. */
import { queryOptions } from '@tanstack/react-query';
import { client } from './client.js';

export const workersQuery = queryOptions({
  queryKey: ['workers'],
  queryFn: ({ signal }) => client.workers({ signal }),
});

export const queueQuery = queryOptions({
  queryKey: ['queue'],
  queryFn: ({ signal }) => client.queue({ signal }),
});

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: ({ signal }) => client.models.list({ signal }),
});
