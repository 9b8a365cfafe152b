/** Lists that come in pages. */
import type { z } from 'zod';
import type { Page } from '#contracts/http/pages.js';
import type { Connection, RequestOptions } from './connection.js';

export interface PageQuery {
  /** The id that the page before ended with. */
  readonly after?: string;
  readonly limit?: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** One page of a list. */
export function readPage<T>(
  connection: Connection,
  path: string,
  page: z.ZodType<Page<T>>,
  query: PageQuery,
  { signal }: ReadOptions = {},
): Promise<Page<T>> {
  return connection.json('GET', path, page, { query: { ...query }, signal });
}

/** Every object of a list, page after page. */
export async function* eachOf<T extends { readonly id: string }>(
  connection: Connection,
  path: string,
  page: z.ZodType<Page<T>>,
  query: RequestOptions['query'] = {},
): AsyncGenerator<T> {
  let after: string | undefined;
  for (;;) {
    const { data, has_more: hasMore } = await connection.json('GET', path, page, {
      query: { ...query, after },
    });
    yield* data;
    after = data.at(-1)?.id;
    if (!hasMore || after === undefined) return;
  }
}

/** The first objects of a list. */
export async function firstOf<T>(items: AsyncIterable<T>, limit: number): Promise<T[]> {
  const first: T[] = [];
  if (limit <= 0) return first;
  for await (const item of items) {
    first.push(item);
    if (first.length >= limit) break;
  }
  return first;
}
