/** Files as the page reads them. */
import { queryOptions } from '@tanstack/react-query';
import type { FileObject } from '#contracts/http/files.js';
import { FilesClient } from '#client/files.js';
import { connection } from './connection.js';
import { queryClient, setNewest } from './query-client.js';

export const filesClient = new FilesClient(connection);

export const filesListKey = ['files', 'list'] as const;
const shownFiles = 1000;

/** Data for training, newest first. */
export const trainingFilesQuery = queryOptions({
  queryKey: filesListKey,
  queryFn: async ({ signal }) => {
    const { data } = await filesClient.page({ purpose: 'fine-tune', limit: shownFiles }, { signal });
    return data;
  },
});

export const fileQuery = (id: string) =>
  queryOptions({
    queryKey: ['files', 'one', id],
    queryFn: ({ signal }) => filesClient.get(id, { signal }),
  });

/** Shows a file that was uploaded. */
export function showFile(file: FileObject): void {
  setNewest(fileQuery(file.id).queryKey, file);
  void queryClient.invalidateQueries({ queryKey: filesListKey });
}

/** The whole of a file. */
export async function blobOf(chunks: AsyncIterable<Uint8Array>): Promise<Blob> {
  const parts: Blob[] = [];
  // Blobs may lie on disk, which arrays do not.
  for await (const chunk of chunks) parts.push(new Blob([chunk as Uint8Array<ArrayBuffer>]));
  return new Blob(parts);
}
