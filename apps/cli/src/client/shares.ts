/** Links to adapters. */
import { type Deleted, deleted } from '#contracts/http/pages.js';
import {
  type ShareAccessObject,
  shareAccessList,
  type ShareCreate,
  type ShareObject,
  shareObject,
  sharePage,
} from '#contracts/http/shares.js';
import type { Connection } from './connection.js';
import { eachOf } from './pages.js';

export class SharesClient {
  constructor(private readonly connection: Connection) {}

  /** Its path, with the token, is told only here. It is not sent again when the connection breaks. */
  async create(body: ShareCreate): Promise<ShareObject> {
    return this.connection.json('POST', '/v1/shares', shareObject, { json: body });
  }

  /** Newest first. */
  list(query: { readonly adapter?: string } = {}): AsyncGenerator<ShareObject> {
    return eachOf(this.connection, '/v1/shares', sharePage, query);
  }

  /** The newest 1000 uses, newest first. */
  async accesses(id: string): Promise<ShareAccessObject[]> {
    const { data } = await this.connection.json('GET', `${pathOf(id)}/accesses`, shareAccessList);
    return data;
  }

  async revoke(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `/v1/shares/${encodeURIComponent(id)}`;
