/** Requests that a client may send again without doing their work again. */
import { createHash } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { ApiError } from '../errors/api-error.js';

/** How documents describe the header. */
export const idempotencyHeader = {
  name: 'Idempotency-Key',
  required: false,
  description: 'The same key again gives the first answer again; kept 24 hours',
};

/** What the client calls its request; undefined if it gave it no name. */
export const IdempotencyKey = createParamDecorator(
  (_: unknown, context: ExecutionContext): string | undefined => {
    const header = context.switchToHttp().getRequest<Request>().headers['idempotency-key'];
    if (header === undefined) return undefined;
    if (typeof header !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(header)) {
      const message = 'the Idempotency-Key must be 1 to 255 visible ASCII characters';
      throw new ApiError(400, 'invalid_request', message, { param: 'Idempotency-Key' });
    }
    return header;
  },
);

/** Tells whether two requests with one key are the same request. */
export function digestOfRequest(route: string, content: unknown): string {
  return createHash('sha256')
    .update(`${route}\n${JSON.stringify(content)}`)
    .digest('hex');
}
