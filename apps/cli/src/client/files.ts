/** Uploaded files. */
import { constants, openAsBlob } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { deleted, type Deleted } from '#contracts/http/pages.js';
import { type FileObject, fileObject, filePage } from '#contracts/http/files.js';
import { LowrankError } from '#base/errors.js';
import type { Connection } from './connection.js';
import { eachOf } from './pages.js';

export class FilesClient {
  constructor(private readonly connection: Connection) {}

  /** Uploads a file from this disk as it stands. Throws `file_unreadable`, and ApiError with what is wrong in it. */
  async upload(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<FileObject> {
    const form = new FormData();
    form.set('purpose', 'fine-tune');
    form.set('file', await blobOf(path), basename(path));
    // A file that is uploaded twice does no harm.
    return this.connection.json('POST', '/v1/files', fileObject, { form, repeatable: true, ...options });
  }

  async get(id: string): Promise<FileObject> {
    return this.connection.json('GET', `/v1/files/${encodeURIComponent(id)}`, fileObject);
  }

  list(): AsyncGenerator<FileObject> {
    return eachOf(this.connection, '/v1/files', filePage);
  }

  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', `/v1/files/${encodeURIComponent(id)}`, deleted);
  }
}

async function blobOf(path: string): Promise<Blob> {
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
