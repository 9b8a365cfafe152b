/** Adapters in other formats, and merged into their base models. */
import {
  type ExportCreate,
  type ExportObject,
  exportObject,
  exportPage,
} from '#contracts/http/compositions.js';
import { type Deleted, deleted, type Page } from '#contracts/http/pages.js';
import type { Connection, CreateOptions } from './connection.js';
import { download, type DownloadOptions } from './download.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';
import type { PollOptions } from './poll.js';
import { untilDone, type Work } from './work.js';

const exportsPath = '/v1/exports';

interface ExportQuery extends PageQuery {
  /** Id of an adapter: only the exports of it. */
  readonly adapter?: string;
}

export class ExportsClient {
  constructor(private readonly connection: Connection) {}

  /** Asks for an export; a worker makes it. */
  async create(body: ExportCreate, options: CreateOptions = {}): Promise<ExportObject> {
    return this.connection.create(exportsPath, exportObject, body, options);
  }

  /** Waits for one that is being made. Throws ApiError, and LowrankError with the code that it failed with. */
  async wait(begun: ExportObject, options: PollOptions<Work> = {}): Promise<ExportObject> {
    return untilDone(begun, () => this.get(begun.id, options), options);
  }

  async get(id: string, { signal }: ReadOptions = {}): Promise<ExportObject> {
    return this.connection.json('GET', pathOf(id), exportObject, { signal });
  }

  /** Newest first. */
  async page(query: ExportQuery = {}, options: ReadOptions = {}): Promise<Page<ExportObject>> {
    return readPage(this.connection, exportsPath, exportPage, query, options);
  }

  /** Newest first. */
  list(query: Omit<ExportQuery, 'after'> = {}): AsyncGenerator<ExportObject> {
    return eachOf(this.connection, exportsPath, exportPage, { ...query });
  }

  /** One file of an export. */
  file(id: string, name: string, options: DownloadOptions = {}): AsyncGenerator<Uint8Array> {
    return download(this.connection, `${pathOf(id)}/files/${encodeURIComponent(name)}`, options);
  }

  /** Stops one that waits or is made. */
  async cancel(id: string): Promise<ExportObject> {
    // Asking twice is like asking once.
    return this.connection.json('POST', `${pathOf(id)}/cancel`, exportObject, { repeatable: true });
  }

  /** Deletes it with its files, and stops it if it is not over. */
  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `${exportsPath}/${encodeURIComponent(id)}`;
