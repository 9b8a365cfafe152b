/** Adapters uploaded to a hub. */
import { type Deleted, deleted, type Page } from '#contracts/http/pages.js';
import { type PushCreate, type PushObject, pushObject, pushPage } from '#contracts/http/pushes.js';
import type { Connection, CreateOptions } from './connection.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';
import type { PollOptions } from './poll.js';
import { untilDone, type Work } from './work.js';

const pushesPath = '/v1/pushes';

export class PushesClient {
  constructor(private readonly connection: Connection) {}

  /** Asks for an upload; a worker makes it. */
  async create(body: PushCreate, options: CreateOptions = {}): Promise<PushObject> {
    return this.connection.create(pushesPath, pushObject, body, options);
  }

  /** Waits for one that is being made. Throws ApiError, and LowrankError with the code that it failed with. */
  async wait(begun: PushObject, options: PollOptions<Work> = {}): Promise<PushObject> {
    return untilDone(begun, () => this.get(begun.id, options), options);
  }

  async get(id: string, { signal }: ReadOptions = {}): Promise<PushObject> {
    return this.connection.json('GET', pathOf(id), pushObject, { signal });
  }

  /** Newest first. */
  async page(query: PageQuery = {}, options: ReadOptions = {}): Promise<Page<PushObject>> {
    return readPage(this.connection, pushesPath, pushPage, query, options);
  }

  /** Newest first. */
  list(): AsyncGenerator<PushObject> {
    return eachOf(this.connection, pushesPath, pushPage, {});
  }

  /** Stops one that waits or is made. */
  async cancel(id: string): Promise<PushObject> {
    return this.connection.json('POST', `${pathOf(id)}/cancel`, pushObject, { repeatable: true });
  }

  /** Takes it out of the list, and stops it if it is not over. */
  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `${pushesPath}/${encodeURIComponent(id)}`;
