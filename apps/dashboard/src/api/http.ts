/** Requests to the server that served this page. */
import type { ErrorBody, RequestProblem } from '#contracts/http/errors.js';
import { basePath } from '../base-path.js';
import { keptKey, keyWanted } from './key.js';

/** A request that was refused; the message says what to do. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly problems: readonly RequestProblem[] = [],
  ) {
    super(message);
  }
}

export function authorization(): Record<string, string> {
  const key = keptKey();
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

/** Reads what a refused request was answered with. */
export function errorFrom(status: number, text: string): RequestError {
  if (status === 401) keyWanted.dispatchEvent(new Event('wanted'));
  try {
    const { error } = JSON.parse(text) as ErrorBody;
    return new RequestError(status, error.message, error.code, error.problems ?? []);
  } catch {
    return new RequestError(status, `The server answered ${status}. Look at its log, then try again.`);
  }
}

type Sent = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };

/** Sends a request; throws RequestError if it is refused or nothing answers. */
export async function request(path: string, init: Sent = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(basePath + path, { ...init, headers: { ...authorization(), ...init.headers } });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new RequestError(
      0,
      'The server does not answer. Start it with `npm start`; this page tries again.',
    );
  }
  if (!response.ok) throw errorFrom(response.status, await response.text());
  return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json() as Promise<T>;
}

export async function post<T>(path: string, body: unknown = {}, init: Sent = {}): Promise<T> {
  const headers = { 'content-type': 'application/json', ...init.headers };
  const response = await request(path, { ...init, method: 'POST', body: JSON.stringify(body), headers });
  return response.json() as Promise<T>;
}
