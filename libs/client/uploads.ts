/** Files sent in parts. */
import type { z } from 'zod';
import type { LowrankError } from '#base/errors.js';
import type { FileObject } from '#contracts/http/files.js';
import {
  type UploadObject,
  type uploadCreate,
  uploadObject,
  type UploadPartObject,
  uploadPartObject,
} from '#contracts/http/uploads.js';
import type { Connection } from './connection.js';
import type { ReadOptions } from './pages.js';
import { fileChanged, type UploadProgress } from './transport.js';

/** Each is sent again by itself where a connection breaks. */
const partBytes = 32 * 2 ** 20;

interface SendOptions extends ReadOptions {
  readonly onProgress?: (progress: UploadProgress) => void;
}

export class UploadsClient {
  constructor(private readonly connection: Connection) {}

  async create(body: z.input<typeof uploadCreate>, { signal }: ReadOptions = {}): Promise<UploadObject> {
    // One that is begun twice does no harm: it expires.
    const options = { json: body, repeatable: true, signal };
    return this.connection.json('POST', '/v1/uploads', uploadObject, options);
  }

  async addPart(id: string, data: Blob, options: SendOptions = {}): Promise<UploadPartObject> {
    const form = new FormData();
    form.set('data', data, 'part');
    const path = `${pathOf(id)}/parts`;
    return this.connection.json('POST', path, uploadPartObject, { form, repeatable: true, ...options });
  }

  async complete(
    id: string,
    partIds: readonly string[],
    { signal }: ReadOptions = {},
  ): Promise<UploadObject> {
    const options = { json: { part_ids: partIds }, repeatable: true, signal };
    return this.connection.json('POST', `${pathOf(id)}/complete`, uploadObject, options);
  }

  async cancel(id: string, { signal }: ReadOptions = {}): Promise<UploadObject> {
    const options = { repeatable: true, signal };
    return this.connection.json('POST', `${pathOf(id)}/cancel`, uploadObject, options);
  }

  /** Sends a whole file, a part after the other. What breaks off is cancelled. Throws ApiError with what is wrong in it. */
  async send(
    content: Blob,
    about: Omit<z.input<typeof uploadCreate>, 'bytes'>,
    { signal, onProgress }: SendOptions = {},
  ): Promise<FileObject> {
    const totalBytes = content.size;
    const { id } = await this.create({ ...about, bytes: totalBytes }, { signal });
    try {
      const partIds: string[] = [];
      for (let start = 0; start < totalBytes; start += partBytes) {
        const part = content.slice(start, start + partBytes);
        const report = ({ sentBytes }: UploadProgress) =>
          onProgress?.({ sentBytes: Math.min(start + sentBytes, start + part.size), totalBytes });
        partIds.push((await this.addPart(id, part, { signal, onProgress: report })).id);
      }
      const { file } = await this.complete(id, partIds, { signal });
      if (file === null) throw fileChanged(undefined);
      return file;
    } catch (error) {
      // Its parts go by themselves too, later.
      const isReachable = (error as LowrankError).code !== 'server_unreachable';
      if (isReachable) await this.cancel(id).catch(() => undefined);
      throw error;
    }
  }
}

const pathOf = (id: string) => `/v1/uploads/${encodeURIComponent(id)}`;
