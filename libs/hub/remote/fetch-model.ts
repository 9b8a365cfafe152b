/** A model of a hub, fetched into the cache. */
import { mkdir, stat, statfs } from 'node:fs/promises';
import { LowrankError } from '#base/errors.js';
import { fetchBlob } from '#hub/remote/fetch-blob.js';
import { blobFile, linkBlob, noteRevision, repositoryFolder, snapshotFolder } from '#hub/remote/hub-cache.js';
import { describingFiles, type HubFile, type HubModel, weightFilesOf } from '#hub/remote/hub-listing.js';
import type { HubAccess } from '#hub/remote/hub-requests.js';
import { partialBytes } from '#hub/remote/partial-file.js';
import { INDEX, shardsOf } from '#models/model-folder-files.js';

export interface FetchModelOptions {
  readonly access: HubAccess;
  /** The cache's folder, such as `~/.cache/huggingface/hub`. */
  readonly cache: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  /** Before a second try. */
  readonly pauseMs?: number;
}

/**
 * Fetches the files that describe a model; yields the snapshot's folder and the weight files that it still needs.
 *
 * Throws the errors of `fetchBlob` and of `weightFilesOf`.
 */
export async function fetchDescription(
  model: HubModel,
  options: FetchModelOptions,
): Promise<{ readonly folder: string; readonly weights: readonly HubFile[] }> {
  const folder = snapshotFolder(options.cache, model.repository, model.commit);
  await mkdir(folder, { recursive: true });
  for (const file of describingFiles(model)) await fetchOne(model, file, options);
  await noteRevision(options.cache, model.repository, model.revision, model.commit);
  const isSharded = describingFiles(model).some(({ name }) => name === INDEX);
  const shards = isSharded ? await shardsOf(folder) : [];
  return { folder, weights: weightFilesOf(model, shards) };
}

/**
 * Fetches all that is needed of a model; yields the folder of its snapshot. What is there already is not fetched again.
 *
 * Throws the errors of `fetchDescription`, and LowrankError `disk_full` before anything of the weights is written.
 */
export async function fetchModel(model: HubModel, options: FetchModelOptions): Promise<string> {
  const { onProgress } = options;
  const { folder, weights } = await fetchDescription(model, options);
  const totalBytes = weights.reduce((sum, { size }) => sum + size, 0);
  await requireRoom(model, weights, options.cache);
  let before = 0;
  onProgress?.({ doneBytes: 0, totalBytes });
  for (const file of weights) {
    const onBytes = (bytes: number) => onProgress?.({ doneBytes: before + bytes, totalBytes });
    await fetchOne(model, file, options, onBytes);
    before += file.size;
    onProgress?.({ doneBytes: before, totalBytes });
  }
  return folder;
}

/** The address of a file. */
export const fileUrl = ({ repository, commit }: HubModel, name: string, { endpoint }: HubAccess): string =>
  `${endpoint}/${repository}/resolve/${commit}/${encodeURIComponent(name)}`;

async function fetchOne(
  model: HubModel,
  file: HubFile,
  { access, cache, signal, pauseMs }: FetchModelOptions,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  const { repository, commit } = model;
  const blob = blobFile(cache, repository, file.etag);
  const present = await stat(blob).catch(() => null);
  if (present?.size !== file.size) {
    const url = fileUrl(model, file.name, access);
    await fetchBlob(file, blob, { url, access, repository, signal, pauseMs, onBytes });
  }
  await linkBlob(snapshotFolder(cache, repository, commit), file.name, file.etag);
}

async function requireRoom(
  { repository }: HubModel,
  files: readonly HubFile[],
  cache: string,
): Promise<void> {
  let missing = 0;
  for (const { etag, size } of files) {
    const blob = blobFile(cache, repository, etag);
    const present = (await stat(blob).catch(() => null))?.size ?? (await partialBytes(blob));
    missing += Math.max(0, size - present);
  }
  const { bavail, bsize } = await statfs(repositoryFolder(cache, repository));
  if (missing <= bavail * bsize) return;
  throw new LowrankError(
    'disk_full',
    `${repository} needs ${missing} bytes more in ${cache}, which has ${bavail * bsize}: make room, or set HF_HOME to a folder on another disk`,
    { details: { repository, bytes: missing } },
  );
}
