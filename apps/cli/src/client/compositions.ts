/** Compositions and exports. */
import { randomUUID } from 'node:crypto';
import {
  type CompositionCreate,
  type CompositionObject,
  compositionObject,
  type ExportCreate,
  type ExportObject,
  exportObject,
  exportPage,
} from '#contracts/http/compositions.js';
import { LowrankError } from '#jit/errors.js';
import { waitFor } from '../wait.js';
import type { Connection } from './connection.js';
import { eachOf } from './pages.js';

interface Work {
  readonly id: string;
  readonly status: string;
  readonly progress: { readonly stage: string; readonly done: number; readonly total: number } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
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
    const path = `/v1/compositions/${made.id}`;
    return settled(made, () => this.connection.json('GET', path, compositionObject), options);
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
  exports(): AsyncGenerator<ExportObject> {
    return eachOf(this.connection, '/v1/exports', exportPage);
  }

  /** Waits for a merged model that is being made. Throws as `compose` does. */
  async awaitExport(made: ExportObject, options: WaitOptions = {}): Promise<ExportObject> {
    const path = `/v1/exports/${made.id}`;
    return settled(made, () => this.connection.json('GET', path, exportObject), options);
  }
}

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
  const { code, message } = now.error ?? { code: 'cancelled', message: `${now.id} was cancelled` };
  throw new LowrankError(code, message, { details: { id: now.id } });
}
