/** Compositions and exports. */
import { randomUUID } from 'node:crypto';
import {
  type CompositionCreate,
  type CompositionObject,
  compositionObject,
  compositionPage,
  type ExportCreate,
  type ExportObject,
  exportObject,
  exportPage,
} from '#contracts/http/compositions.js';
import { type Deleted, deleted } from '#contracts/http/pages.js';
import { errorOf } from '#base/errors.js';
import { waitFor } from '../wait.js';
import type { Connection } from './connection.js';
import { eachOf } from './pages.js';

/** A composition or an export, as far as waiting for it goes. */
export interface Work {
  readonly id: string;
  readonly object: 'composition' | 'export';
  readonly status: string;
  readonly progress: { readonly stage: string; readonly done: number; readonly total: number } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Told of the work as soon as it is there, and again whenever it was looked at. */
  readonly onProgress?: (work: Work) => void;
}

const pollMs = 200;
const longestPollMs = 2000;

export class CompositionsClient {
  constructor(private readonly connection: Connection) {}

  /** Makes a composition and waits for its adapter. Throws ApiError, and LowrankError with the code of its failure. */
  async compose(body: CompositionCreate, options: WaitOptions = {}): Promise<CompositionObject> {
    const made = await this.connection.json('POST', '/v1/compositions', compositionObject, {
      json: body,
      headers: { 'idempotency-key': randomUUID() },
      repeatable: true,
      signal: options.signal,
    });
    const { signal } = options;
    return settled(
      made,
      () => this.connection.json('GET', compositionPath(made.id), compositionObject, { signal }),
      options,
    );
  }

  /** Newest first. */
  list(): AsyncGenerator<CompositionObject> {
    return eachOf(this.connection, '/v1/compositions', compositionPage);
  }

  /** Stops one that waits or is made. */
  async cancel(id: string): Promise<CompositionObject> {
    // Asking twice is like asking once.
    const path = `${compositionPath(id)}/cancel`;
    return this.connection.json('POST', path, compositionObject, { repeatable: true });
  }

  /** Takes it out of the list, and stops it if it is not over; the adapter that it became stays. */
  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', compositionPath(id), deleted);
  }

  /** Makes a merged model and waits for it. Throws as `compose` does. */
  async export(body: ExportCreate, options: WaitOptions = {}): Promise<ExportObject> {
    const made = await this.connection.json('POST', '/v1/exports', exportObject, {
      json: body,
      headers: { 'idempotency-key': randomUUID() },
      repeatable: true,
      signal: options.signal,
    });
    return this.awaitExport(made, options);
  }

  /** Merged models, newest first. */
  exports(query: { readonly adapter?: string } = {}): AsyncGenerator<ExportObject> {
    return eachOf(this.connection, '/v1/exports', exportPage, query);
  }

  /** Waits for a merged model that is being made. Throws as `compose` does. */
  async awaitExport(made: ExportObject, options: WaitOptions = {}): Promise<ExportObject> {
    const { signal } = options;
    return settled(
      made,
      () => this.connection.json('GET', exportPath(made.id), exportObject, { signal }),
      options,
    );
  }

  /** Stops a merged model that waits or is made. */
  async cancelExport(id: string): Promise<ExportObject> {
    const path = `${exportPath(id)}/cancel`;
    return this.connection.json('POST', path, exportObject, { repeatable: true });
  }

  /** Takes a merged model and its files away, and stops it if it is not over. */
  async deleteExport(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', exportPath(id), deleted);
  }
}

const compositionPath = (id: string) => `/v1/compositions/${encodeURIComponent(id)}`;
const exportPath = (id: string) => `/v1/exports/${encodeURIComponent(id)}`;

async function settled<T extends Work>(
  made: T,
  look: () => Promise<T>,
  { signal, onProgress }: WaitOptions,
): Promise<T> {
  let now = made;
  for (let pause = pollMs; ['queued', 'running'].includes(now.status);) {
    onProgress?.(now);
    await waitFor(pause, signal);
    now = await look();
    pause = Math.min(1.5 * pause, longestPollMs);
  }
  if (now.status === 'succeeded') return now;
  const error = now.error ?? { code: 'cancelled', message: `${now.id} was cancelled` };
  throw errorOf({ ...error, details: { id: now.id } });
}
