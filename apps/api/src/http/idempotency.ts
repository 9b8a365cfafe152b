/** Requests that a client may send again without doing their work again. */
import { createHash } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { DataSource, EntityManager } from 'typeorm';
import { answerOnce } from '#jobs/idempotency.js';
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
      throw new ApiError('invalid_request', message, { param: 'Idempotency-Key' });
    }
    return header;
  },
);

/** Makes something, or gives the answer that was given when it was made under this key; always, if there is no key. */
export async function once<T extends object>(
  database: DataSource,
  { projectId, key, route, request }: { projectId: string; key?: string; route: string; request: unknown },
  make: (manager?: EntityManager) => Promise<T>,
): Promise<T> {
  if (key === undefined) return make();
  const digest = digestOfRequest(route, request);
  const { body } = await answerOnce(database, { projectId, key, digest }, async (manager) => ({
    status: 200,
    body: { ...(await make(manager)) } as Record<string, unknown>,
  }));
  return body as T;
}

/** Tells whether two requests with one key are the same request. */
export function digestOfRequest(route: string, content: unknown): string {
  return createHash('sha256')
    .update(`${route}\n${JSON.stringify(content)}`)
    .digest('hex');
}
