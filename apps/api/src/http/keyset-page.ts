/** Pages of rows by time and id: a row that is added or deleted meanwhile shifts nothing. */
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { ApiError } from '../errors/api-error.js';
import type { Page } from '#contracts/http/pages.js';
import { readPage } from '#platform/database/read-page.js';

export interface PageRequest {
  readonly limit: number;
  readonly after?: string;
  readonly order?: 'asc' | 'desc';
}

/**
 * One page of a query over rows `row` with `id` and `createdAt`, newest first unless asked otherwise: `limit` rows, or
 * fewer where these are large. `owned` is the list
 * without any filter and with the rows that were deleted: between two requests the row that a page ended with may be
 * deleted, or change so that the filter leaves it out, and the list still goes on after it. Throws ApiError 400 if
 * `after` is none of the owned rows.
 */
export async function keysetPage<T extends ObjectLiteral & { id: string }, View extends { id: string }>(
  query: SelectQueryBuilder<T>,
  owned: SelectQueryBuilder<T>,
  { limit, after, order = 'desc' }: PageRequest,
  view: (row: T) => View,
): Promise<Page<View>> {
  const direction = order === 'asc' ? 'ASC' : 'DESC';
  if (after !== undefined) await goOnAfter(query, owned, { after, order });
  const { alias } = query;
  query.orderBy(`${alias}.createdAt`, direction).addOrderBy(`${alias}.id`, direction);
  const { rows, hasMore } = await readPage(query, 'id', limit);
  return pageOfRows(rows.map(view), hasMore);
}

/** Leaves out of a query what came up to the row `after` of the owned ones. Throws ApiError 400 if it is none of them. */
export async function goOnAfter<T extends ObjectLiteral>(
  query: SelectQueryBuilder<T>,
  owned: SelectQueryBuilder<T>,
  { after, order }: { readonly after: string; readonly order: 'asc' | 'desc' },
): Promise<void> {
  if (!(await owned.andWhere(`${owned.alias}.id = :after`, { after }).getExists())) throw unknownAfter(after);
  const last = query.connection.getMetadata(query.expressionMap.mainAlias!.target).tableName;
  const comparison = order === 'asc' ? '>' : '<';
  // In SQL, since a Date has fewer digits than the column.
  query.andWhere(
    `(${query.alias}.createdAt, ${query.alias}.id) ${comparison} (SELECT last.created_at, last.id FROM ${last} last WHERE last.id = :after)`,
    { after },
  );
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
    `after: there is no ${after} in this list, or it was deleted long ago; give the last_id of the page before`,
    {
      param: 'after',
    },
  );
}
