/** Adapters added up to one. */
import {
  type CompositionCreate,
  type CompositionObject,
  compositionObject,
  compositionPage,
  type CompositionPreview,
  compositionPreview,
} from '#contracts/http/compositions.js';
import { type Deleted, deleted, type Page } from '#contracts/http/pages.js';
import type { Connection, CreateOptions } from './connection.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';
import type { PollOptions } from './poll.js';
import { untilDone, type Work } from './work.js';

const compositionsPath = '/v1/compositions';

export class CompositionsClient {
  constructor(private readonly connection: Connection) {}

  /** What a composition would keep of the exact sum; nothing is made. */
  async preview(body: CompositionCreate, { signal }: ReadOptions = {}): Promise<CompositionPreview> {
    const request = { json: { ...body, preview: true }, repeatable: true, signal };
    return this.connection.json('POST', compositionsPath, compositionPreview, request);
  }

  /** Asks for a composition; a worker makes it. */
  async create(body: CompositionCreate, options: CreateOptions = {}): Promise<CompositionObject> {
    return this.connection.create(compositionsPath, compositionObject, body, options);
  }

  /** Waits for one that is being made. Throws ApiError, and LowrankError with the code that it failed with. */
  async wait(begun: CompositionObject, options: PollOptions<Work> = {}): Promise<CompositionObject> {
    return untilDone(begun, () => this.get(begun.id, options), options);
  }

  async get(id: string, { signal }: ReadOptions = {}): Promise<CompositionObject> {
    return this.connection.json('GET', pathOf(id), compositionObject, { signal });
  }

  /** Newest first. */
  async page(query: PageQuery = {}, options: ReadOptions = {}): Promise<Page<CompositionObject>> {
    return readPage(this.connection, compositionsPath, compositionPage, query, options);
  }

  /** Newest first. */
  list(): AsyncGenerator<CompositionObject> {
    return eachOf(this.connection, compositionsPath, compositionPage);
  }

  /** Stops one that waits or is made. */
  async cancel(id: string): Promise<CompositionObject> {
    // Asking twice is like asking once.
    return this.connection.json('POST', `${pathOf(id)}/cancel`, compositionObject, { repeatable: true });
  }

  /** Takes it out of the list, and stops it if it is not over; the adapter that it became stays. */
  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `${compositionsPath}/${encodeURIComponent(id)}`;
