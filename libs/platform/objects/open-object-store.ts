/** The object store that the configuration names. */
import path from 'node:path';
import type { Configuration } from '#platform/config.js';
import { FolderStore } from '#platform/objects/folder-store.js';
import type { ObjectStore } from '#platform/objects/object-store.js';

/** Opens the bucket if S3 is configured, otherwise the folder `store` in the home. Throws `store_unavailable`. */
export async function openObjectStore({
  s3,
  home,
}: Pick<Configuration, 's3' | 'home'>): Promise<ObjectStore> {
  if (s3 === null) return FolderStore.open(path.join(home, 'store'));
  // Its client takes a third of a second to load.
  const { S3Store } = await import('#platform/objects/s3-store.js');
  return S3Store.open(s3);
}
