/** Workers, queue and models as the page reads them. */
import { queryOptions } from '@tanstack/react-query';
import { ModelsClient } from '#client/models.js';
import { ServiceClient } from '#client/service.js';
import { connection } from './connection.js';

export const modelsClient = new ModelsClient(connection);
const serviceClient = new ServiceClient(connection);

export const workersQuery = queryOptions({
  queryKey: ['workers'],
  queryFn: ({ signal }) => serviceClient.workers({ signal }),
});

export const queueQuery = queryOptions({
  queryKey: ['queue'],
  queryFn: ({ signal }) => serviceClient.queue({ signal }),
});

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: ({ signal }) => modelsClient.list({ signal }),
});
