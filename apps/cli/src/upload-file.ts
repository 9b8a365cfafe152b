/** Files of this disk, sent to the server. */
import { constants, openAsBlob } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { LowrankError } from '#base/errors.js';
import type { LowrankClient } from '#client/client.js';
import type { DataForm } from '#data/data-form.js';
import type { UploadOptions } from '#client/files.js';
import type { FileObject } from '#contracts/http/files.js';

/** Uploads a file as it stands. Throws `file_unreadable`, and ApiError with what is wrong in it. */
export async function uploadFile(
  client: LowrankClient,
  path: string,
  options: UploadOptions & DataForm = {},
): Promise<FileObject> {
  return client.files.upload(await blobOf(path), basename(path), options);
}

/** A file of this disk, read as it is sent. Throws `file_unreadable`. */
export async function blobOf(path: string): Promise<Blob> {
  try {
    // Says what is wrong, which opening does not.
    await access(path, constants.R_OK);
    return await openAsBlob(path);
  } catch (cause) {
    throw new LowrankError('file_unreadable', `${path} cannot be read: ${(cause as Error).message}`, {
      cause,
      details: { path },
    });
  }
}
