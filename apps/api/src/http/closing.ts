/** Work that ends when the client that it is for goes. */
import type { Response } from 'express';
import { ApiError } from '../errors/api-error.js';

/** Aborts when the client goes before its answer is whole. */
export function closingOf(response: Response): AbortSignal {
  const abort = new AbortController();
  const close = () => {
    if (response.writableFinished) return;
    // 499, as proxies call it: nobody sees this answer.
    abort.abort(new ApiError('client_gone', 'the client closed the connection'));
  };
  response.once('close', close);
  if (response.closed) close();
  return abort.signal;
}
