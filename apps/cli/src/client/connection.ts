/** HTTP requests to a server that may be starting, restarting or busy. */
import type { z } from 'zod';
import { apiError, networkCode, unexpectedAnswer, unreachable } from './errors.js';
import { waitFor } from '../wait.js';

export interface ConnectionOptions {
  /** Such as http://127.0.0.1:8010. */
  readonly url: string;
  readonly key?: string;
  /** How long a server that does not answer is asked again, in seconds; default 10. */
  readonly patienceSeconds?: number;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly form?: FormData;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the request may be sent twice; default: all but POST. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal;
}

type Method = 'GET' | 'POST' | 'DELETE';

const firstPauseMs = 100;
const longestPauseMs = 2000;
const defaultPatienceSeconds = 10;
const retriedStatuses = new Set([408, 429, 502, 503, 504]);
/** The connection was never made, so the request was not sent. */
const notSent = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const brokenOff = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ETIMEDOUT']);

export class Connection {
  /** Without a slash at the end. */
  readonly url: string;
  private readonly patienceMs: number;

  constructor(private readonly options: ConnectionOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.patienceMs = 1000 * (options.patienceSeconds ?? defaultPatienceSeconds);
  }

  /** Sends a request and reads its JSON. Throws ApiError, `server_unreachable` and `answer_unexpected`. */
  async json<T>(
    method: Method,
    path: string,
    schema: z.ZodType<T>,
    options: RequestOptions = {},
  ): Promise<T> {
    const response = await this.send(method, path, options);
    let body: unknown;
    try {
      body = await response.json();
    } catch (cause) {
      options.signal?.throwIfAborted();
      throw unexpectedAnswer(this.url, `${method} ${path} gave no JSON`, cause);
    }
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const what = `${method} ${path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
    throw unexpectedAnswer(this.url, what, parsed.error);
  }

  /** Sends a request; the response is ok. Throws ApiError and `server_unreachable`. */
  async send(method: Method, path: string, options: RequestOptions = {}): Promise<Response> {
    const repeatable = options.repeatable ?? method !== 'POST';
    const deadline = performance.now() + this.patienceMs;
    for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
      let wait = pause;
      try {
        const response = await this.once(method, path, options);
        if (response.ok) return response;
        const asked = retryAfterMs(response);
        const again =
          response.headers.get('x-should-retry') !== 'false' && retriedStatuses.has(response.status);
        wait = asked ?? pause;
        if (!again || !repeatable || performance.now() + wait > deadline) throw await apiError(response);
        await response.body?.cancel();
      } catch (error) {
        options.signal?.throwIfAborted();
        const code = networkCode(error) ?? '';
        if (!notSent.has(code) && !brokenOff.has(code))
          throw isFetchFailure(error) ? unreachable(this.url, error) : error;
        const again = notSent.has(code) || repeatable;
        if (!again || performance.now() + wait > deadline) throw unreachable(this.url, error);
      }
      await waitFor(wait, options.signal);
    }
  }

  private once(method: Method, path: string, options: RequestOptions): Promise<Response> {
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
    if (this.options.key) headers['authorization'] = `Bearer ${this.options.key}`;
    let body: FormData | string | undefined = options.form;
    if (options.json !== undefined) {
      headers['content-type'] = 'application/json';
      body = JSON.stringify(options.json);
    }
    return fetch(url, { method, headers, body, signal: options.signal ?? null });
  }
}

/** Names that nobody knows, certificates that nobody trusts: waiting would not help. */
function isFetchFailure(error: unknown): boolean {
  return error instanceof TypeError && error.message === 'fetch failed';
}

function retryAfterMs({ headers }: Response): number | undefined {
  const milliseconds = Number(headers.get('retry-after-ms') ?? NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const seconds = Number(headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) ? 1000 * seconds : undefined;
}
