/** A folder that describes a model of a hub before its weights are here: enough to plan with, and nothing to compute with. */
import { open, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { writeFolderAtomically } from '#base/atomic-file.js';
import { LowrankError } from '#base/errors.js';
import { fetchDescription, type FetchModelOptions, fileUrl } from '#hub/remote/fetch-model.js';
import { blobFile } from '#hub/remote/hub-cache.js';
import { describingFiles, type HubFile, type HubModel } from '#hub/remote/hub-listing.js';
import { hubFetch, unreachable } from '#hub/remote/hub-requests.js';
import { openModelFolder } from '#models/model-folder.js';

const maxHeaderBytes = 64 << 20;

/**
 * Makes the outline of a model in `outlines`, or finds it there: its describing files, and weight files that have their headers
 * and lengths but only zeros behind them, which take no room on the disk.
 *
 * Throws the errors of `fetchDescription`, and LowrankError `download_damaged` for a header that cannot be one.
 */
export async function outlineModel(
  model: HubModel,
  { outlines, ...options }: FetchModelOptions & { readonly outlines: string },
): Promise<string> {
  const { repository, commit } = model;
  const outline = path.join(outlines, `${repository.replace('/', '--')}--${commit}`);
  if (await isSound(outline)) return outline;
  await rm(outline, { recursive: true, force: true });
  const { weights } = await fetchDescription(model, options);
  try {
    await writeFolderAtomically(outline, async (folder) => {
      for (const { name, etag } of describingFiles(model)) {
        await symlink(blobFile(options.cache, repository, etag), path.join(folder, name));
      }
      for (const file of weights) await writeHeader(model, file, path.join(folder, file.name), options);
    });
  } catch (error) {
    // Another request has made it meanwhile.
    if (!(error instanceof LowrankError) || error.code !== 'folder_exists') throw error;
  }
  return outline;
}

/** What its links lead to may have been removed. */
async function isSound(outline: string): Promise<boolean> {
  return openModelFolder(outline, { tokenizer: 'required' }).then(
    () => true,
    () => false,
  );
}

async function writeHeader(
  model: HubModel,
  file: HubFile,
  target: string,
  options: FetchModelOptions,
): Promise<void> {
  const { repository } = model;
  const damaged = (problem: string) =>
    new LowrankError('download_damaged', `${repository}: ${file.name} ${problem}: it is not safetensors`, {
      details: { repository, file: file.name },
    });
  if (file.size < 8) throw damaged(`has ${file.size} bytes`);
  const prefix = await fetchPart(model, file, 0, 8, options);
  const length = prefix.readBigUInt64LE();
  if (length > maxHeaderBytes || 8 + Number(length) > file.size)
    throw damaged(`announces a header of ${length} bytes`);
  const header = await fetchPart(model, file, 8, Number(length), options);
  const handle = await open(target, 'wx');
  try {
    await handle.writeFile(Buffer.concat([prefix, header]));
    await handle.truncate(file.size);
  } finally {
    await handle.close();
  }
}

async function fetchPart(
  model: HubModel,
  { name }: HubFile,
  from: number,
  length: number,
  { access, signal }: FetchModelOptions,
): Promise<Buffer> {
  const { repository } = model;
  const range = `bytes=${from}-${from + length - 1}`;
  const response = await hubFetch(
    repository,
    access,
    signal,
  )(fileUrl(model, name, access), {
    headers: { range, 'accept-encoding': 'identity' },
  });
  const parts: Uint8Array[] = [];
  let had = 0;
  // A hub that knows no parts sends the whole file: what is wanted is at its beginning.
  let skip = response.status === 206 ? 0 : from;
  try {
    for await (const chunk of response.body ?? []) {
      const wanted = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - wanted.length;
      parts.push(wanted);
      had += wanted.length;
      if (had >= length) break;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(repository, 'the connection broke', error);
  }
  if (had < length) throw unreachable(repository, `the connection ended within ${name}`);
  return Buffer.concat(parts).subarray(0, length);
}
