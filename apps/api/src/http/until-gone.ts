import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Response } from 'express';
import { ApiError } from '../errors/api-error.js';

/** A signal that aborts when the client has gone before it had its answer. */
export const UntilGone = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal => {
  const response = context.switchToHttp().getResponse<Response>();
  const gone = new AbortController();
  response.once('close', () => {
    if (response.writableFinished) return;
    gone.abort(new ApiError('client_gone', 'the client closed the connection before it was answered'));
  });
  return gone.signal;
});
