/** Files that come in parts: how long, and what is left of them. */
import type { DataSource } from 'typeorm';
import { Upload } from '#platform/database/entities/upload.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { groupedBy } from '#jobs/object-groups.js';

/** Parts of an upload are taken for so long, as OpenAI has it. */
export const uploadSeconds = 3600;
/** What was being completed when the time was over is completed still. */
const graceMs = 3_600_000;

/** Where the parts of uploads lie, by the ids of both. */
export const partKey = (uploadId: string, partId: string): string => `uploads/${uploadId}/${partId}`;

export type UploadStatus = Upload['state'] | 'expired';

export function uploadStatus({ state, expiresAt }: Pick<Upload, 'state' | 'expiresAt'>): UploadStatus {
  return state === 'pending' && expiresAt.getTime() <= Date.now() ? 'expired' : state;
}

/** Removes the parts of one upload. */
export async function freeParts(objects: ObjectStore, uploadId: string): Promise<number> {
  let count = 0;
  for await (const { key } of objects.list(`uploads/${uploadId}/`)) {
    await objects.delete(key);
    count++;
  }
  return count;
}

/** Removes the parts of uploads that are completed, cancelled, expired or unknown. */
export async function sweepParts({
  database,
  objects,
}: {
  readonly database: DataSource;
  readonly objects: ObjectStore;
}): Promise<number> {
  let count = 0;
  for await (const [first, ...others] of groupedBy(objects.list('uploads/'), uploadOf)) {
    const upload = await database.manager.findOneBy(Upload, { id: uploadOf(first) });
    const isOpen = upload?.state === 'pending' && upload.expiresAt.getTime() > Date.now() - graceMs;
    if (isOpen) continue;
    for (const { key } of [first, ...others]) await objects.delete(key);
    count += 1 + others.length;
  }
  return count;
}

const uploadOf = ({ key }: { readonly key: string }) => key.split('/')[1] ?? '';
