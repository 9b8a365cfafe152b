/** Links to adapters. */
import { type Deleted, deleted, type Page } from '#contracts/http/pages.js';
import {
  type ShareAccessObject,
  shareAccessList,
  type ShareCreate,
  type ShareObject,
  shareObject,
  sharePage,
} from '#contracts/http/shares.js';
import type { Connection } from './connection.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';

const sharesPath = '/v1/shares';

interface ShareQuery extends PageQuery {
  /** Id of an adapter: only the links to it. */
  readonly adapter?: string;
}

export class SharesClient {
  constructor(private readonly connection: Connection) {}

  /** Its path, with the token, is told only here. It is not sent again when the connection breaks. */
  async create(body: ShareCreate): Promise<ShareObject> {
    return this.connection.json('POST', sharesPath, shareObject, { json: body });
  }

  /** Newest first. */
  async page(query: ShareQuery = {}, options: ReadOptions = {}): Promise<Page<ShareObject>> {
    return readPage(this.connection, sharesPath, sharePage, query, options);
  }

  /** Newest first. */
  list(query: Omit<ShareQuery, 'after'> = {}): AsyncGenerator<ShareObject> {
    return eachOf(this.connection, sharesPath, sharePage, { ...query });
  }

  /** The newest 1000 uses, newest first. */
  async accesses(id: string, options: ReadOptions = {}): Promise<ShareAccessObject[]> {
    const path = `${pathOf(id)}/accesses`;
    const { data } = await this.connection.json('GET', path, shareAccessList, options);
    return data;
  }

  async revoke(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `${sharesPath}/${encodeURIComponent(id)}`;
