/** Pages of rows by time and id: a row that is added or deleted meanwhile shifts nothing. */
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { ApiError } from '../errors/api-error.js';
import type { Page } from '#contracts/http/pages.js';

export interface PageRequest {
  readonly limit: number;
  readonly after?: string;
  readonly order?: 'asc' | 'desc';
}

/**
 * One page of a query over rows `row` with `id` and `createdAt` that already says whose rows they are, newest first
 * unless asked otherwise. Throws ApiError 400 if `after` is none of those rows.
 */
export async function keysetPage<T extends ObjectLiteral & { id: string }, View extends { id: string }>(
  query: SelectQueryBuilder<T>,
  { limit, after, order = 'desc' }: PageRequest,
  view: (row: T) => View,
): Promise<Page<View>> {
  const direction = order === 'asc' ? 'ASC' : 'DESC';
  if (after !== undefined) {
    if (!(await query.clone().andWhere('row.id = :after', { after }).getExists())) throw unknownAfter(after);
    const last = query.connection.getMetadata(query.expressionMap.mainAlias!.target).tableName;
    // In SQL, since a Date has not all the digits of the column.
    query.andWhere(
      `(row.createdAt, row.id) ${order === 'asc' ? '>' : '<'} (SELECT last.created_at, last.id FROM ${last} last WHERE last.id = :after)`,
      { after },
    );
  }
  const rows = await query
    .orderBy('row.createdAt', direction)
    .addOrderBy('row.id', direction)
    .take(limit + 1)
    .getMany();
  return pageOfRows(rows.slice(0, limit).map(view), rows.length > limit);
}

/** A page as it is answered. */
export function pageOfRows<T extends { id: string }>(data: T[], hasMore: boolean): Page<T> {
  return {
    object: 'list',
    data,
    has_more: hasMore,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

export function unknownAfter(after: string): ApiError {
  return new ApiError(
    'invalid_request',
    `after: there is no ${after} in this list; give the last_id of the page before`,
    {
      param: 'after',
    },
  );
}
