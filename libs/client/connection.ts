/** HTTP requests to a server that may be starting, restarting or busy. */
import type { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { type ApiError, apiError, firstIssue, parseJson, unexpectedAnswer, unreachable } from './errors.js';
import { idempotencyKey } from './idempotency-key.js';
import { textOf } from './response-body.js';
import {
  ConnectionError,
  fetchTransport,
  type OutgoingRequest,
  type Transport,
  type UploadProgress,
} from './transport.js';
import { waitFor } from '#base/wait.js';

export interface ConnectionOptions {
  /** Such as http://127.0.0.1:8010. */
  readonly url: string;
  /** The API key, or what tells it before each request. */
  readonly key?: string | (() => string | undefined);
  /** How long a server that does not answer is asked again, in seconds; default 10. */
  readonly patienceSeconds?: number;
  /** What a person can do about a server that does not answer; the end of the error's message. */
  readonly helpIfUnreachable?: string;
  /** Told of every answer that is an error, before it is thrown. */
  readonly onError?: (error: ApiError) => void;
  /** Default: fetch. */
  readonly transport?: Transport;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly form?: FormData;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the request may be sent twice; default: all but POST. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: UploadProgress) => void;
}

/** For requests that make something. */
export interface CreateOptions {
  readonly signal?: AbortSignal;
  /** Requests with the same key make one thing; a new key unless given. */
  readonly idempotencyKey?: string;
}

type Method = OutgoingRequest['method'];

const firstPauseMs = 100;
const maxPauseMs = 2000;
const defaultPatienceSeconds = 10;
const retriedStatuses = new Set([408, 429, 502, 503, 504]);

export class Connection {
  /** Without a slash at the end. */
  readonly url: string;
  private readonly patienceMs: number;
  private readonly transport: Transport;

  constructor(private readonly options: ConnectionOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.patienceMs = 1000 * (options.patienceSeconds ?? defaultPatienceSeconds);
    this.transport = options.transport ?? fetchTransport;
  }

  /** Sends a request and reads its JSON. Throws ApiError, `server_unreachable` and `answer_unexpected`. */
  async json<T>(
    method: Method,
    path: string,
    schema: z.ZodType<T>,
    options: RequestOptions = {},
  ): Promise<T> {
    const text = await this.request(method, path, options, (response) => textOf(response, options.signal));
    const body = parseJson(text);
    if (body === undefined) throw unexpectedAnswer(this.url, `${method} ${path} gave no JSON`);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw unexpectedAnswer(this.url, `${method} ${path}: ${firstIssue(parsed.error)}`, parsed.error);
  }

  /** Makes something, once however often the request is sent. Throws as `json` does. */
  async create<T>(
    path: string,
    schema: z.ZodType<T>,
    json: unknown,
    { signal, idempotencyKey: key = idempotencyKey() }: CreateOptions = {},
  ): Promise<T> {
    const headers = { 'idempotency-key': key };
    return this.json('POST', path, schema, { json, headers, repeatable: true, signal });
  }

  /** Sends a request; the response is ok. Throws ApiError and `server_unreachable`. */
  async send(method: Method, path: string, options: RequestOptions = {}): Promise<Response> {
    return this.request(method, path, options, (response) => Promise.resolve(response));
  }

  /** `server_unreachable`, with what can be done about it. */
  unreachable(cause: Error): LowrankError {
    return unreachable(this.url, cause, this.options.helpIfUnreachable);
  }

  private async request<T>(
    method: Method,
    path: string,
    options: RequestOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const { signal, repeatable = method !== 'POST' } = options;
    const deadline = performance.now() + this.patienceMs;
    for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, maxPauseMs)) {
      let wait = pause;
      try {
        signal?.throwIfAborted();
        const response = await this.transport(this.outgoing(method, path, options));
        if (response.ok) return await read(response);
        wait = retryAfterMs(response) ?? pause;
        const again = repeatable && isRetried(response) && performance.now() + wait <= deadline;
        if (!again) throw await this.refusal(response);
        await response.body?.cancel();
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        const again = error.state === 'unsent' || (error.state === 'broken' && repeatable);
        if (!again || performance.now() + wait > deadline) throw this.unreachable(error);
      }
      await waitFor(wait, signal);
    }
  }

  private async refusal(response: Response): Promise<ApiError> {
    const error = await apiError(response);
    this.options.onError?.(error);
    return error;
  }

  private outgoing(
    method: Method,
    path: string,
    { query = {}, json, form, headers: given, signal, onProgress }: RequestOptions,
  ): OutgoingRequest {
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = new Headers({ accept: 'application/json', ...given });
    const { key } = this.options;
    const secret = typeof key === 'function' ? key() : key;
    if (secret) setKey(headers, secret);
    if (json !== undefined) headers.set('content-type', 'application/json');
    const body = json === undefined ? form : JSON.stringify(json);
    return { method, url, headers, body, signal, onProgress };
  }
}

function setKey(headers: Headers, key: string): void {
  try {
    headers.set('authorization', `Bearer ${key}`);
  } catch (cause) {
    const message = 'the API key has characters that cannot be sent: copy it again, without line breaks';
    throw new LowrankError('invalid_api_key', message, { cause });
  }
}

function isRetried({ status, headers }: Response): boolean {
  return headers.get('x-should-retry') !== 'false' && retriedStatuses.has(status);
}

function retryAfterMs({ headers }: Response): number | undefined {
  const milliseconds = Number(headers.get('retry-after-ms') ?? NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const seconds = Number(headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) ? 1000 * seconds : undefined;
}
