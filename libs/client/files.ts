/** Uploaded files. */
import { type FileObject, fileObject, filePage } from '#contracts/http/files.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import { type Deleted, deleted, type Page } from '#contracts/http/pages.js';
import type { Connection } from './connection.js';
import { download, type DownloadOptions } from './download.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';
import type { UploadProgress } from './transport.js';
import { UploadsClient } from './uploads.js';

/** Larger files are sent in parts: what breaks is sent again without the rest, and they may be larger than a request. */
const largestRequest = 128 * 2 ** 20;

export interface UploadOptions {
  readonly signal?: AbortSignal;
  /** When all is sent, the server still checks the content. */
  readonly onProgress?: (progress: UploadProgress) => void;
}

type FileQuery = PageQuery & { readonly purpose?: FileObject['purpose'] };

export class FilesClient {
  /** Files in parts, as OpenAI has them. */
  readonly uploads: UploadsClient;

  constructor(private readonly connection: Connection) {
    this.uploads = new UploadsClient(connection);
  }

  /** Uploads data for training, large files in parts. Throws ApiError with everything that is wrong in the file. */
  async upload(
    content: Blob,
    filename: string,
    { format, columns, ...options }: UploadOptions & Pick<JobCreate, 'format' | 'columns'> = {},
  ): Promise<FileObject> {
    if (content.size > largestRequest) {
      const about = {
        filename,
        purpose: 'fine-tune' as const,
        mime_type: content.type || 'application/octet-stream',
        ...(format ? { format } : {}),
        ...(columns ? { columns } : {}),
      };
      return this.uploads.send(content, about, options);
    }
    const form = new FormData();
    form.set('purpose', 'fine-tune');
    if (format) form.set('format', format);
    if (columns) form.set('columns', JSON.stringify(columns));
    form.set('file', content, filename);
    // A file that is uploaded twice does no harm.
    return this.connection.json('POST', '/v1/files', fileObject, { form, repeatable: true, ...options });
  }

  async get(id: string, options: ReadOptions = {}): Promise<FileObject> {
    return this.connection.json('GET', pathOf(id), fileObject, options);
  }

  /** Newest first. */
  async page(query: FileQuery = {}, options: ReadOptions = {}): Promise<Page<FileObject>> {
    return readPage(this.connection, '/v1/files', filePage, query, options);
  }

  /** Newest first. */
  list(query: Omit<FileQuery, 'after'> = {}): AsyncGenerator<FileObject> {
    return eachOf(this.connection, '/v1/files', filePage, query);
  }

  content(id: string, options: DownloadOptions = {}): AsyncGenerator<Uint8Array> {
    return download(this.connection, `${pathOf(id)}/content`, options);
  }

  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `/v1/files/${encodeURIComponent(id)}`;
