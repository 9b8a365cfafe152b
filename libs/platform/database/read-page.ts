/** Pages of rows: so many at most, and no more than can be read and written in no time. */
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';

/** Of a page of more rows than one, as the database writes them. A hundred usual rows have a half of it. */
const maxPageBytes = 1 << 20;

export interface PageOfRows<Row, Raw = unknown> {
  readonly rows: Row[];
  /** What the query selects beside the columns of its entity, for each row. */
  readonly raw: Raw[];
  /** Whether rows come after those. */
  readonly hasMore: boolean;
}

/**
 * The first rows of a query that joins nothing, in its order: `limit` of them, or fewer where these have much in them, but
 * one at least. `column` is a property that tells rows apart: `id`. One statement: the database measures the rows and hands
 * over only those of the page.
 */
export async function readPage<Row extends ObjectLiteral, Raw extends object = object>(
  query: SelectQueryBuilder<Row>,
  column: keyof Row & string,
  limit: number,
): Promise<PageOfRows<Row, Raw>> {
  const { alias } = query;
  const order = Object.entries(query.expressionMap.orderBys).map(
    ([by, direction]) => `${by} ${direction as string}`,
  );
  const inOrder = `ORDER BY ${order.join()}`;
  const measured = query
    .clone()
    .select(`${alias}.${column}`, 'key')
    .addSelect(`row_number() OVER (${inOrder})`, 'place')
    .addSelect(`sum(octet_length("${alias}"::text)) OVER (${inOrder} ROWS UNBOUNDED PRECEDING)`, 'bytes')
    .addSelect(`lead(true, 1, false) OVER (${inOrder})`, 'has_more')
    .limit(limit);
  const isOfPage = `page.key = ${alias}.${column} AND (page.place = 1 OR page.bytes <= ${maxPageBytes})`;
  const { entities, raw } = await query
    .clone()
    // Measured once: without statistics of a new table the planner would do it again for every row.
    .addCommonTableExpression(measured.getQuery(), 'page', { materialized: true })
    .innerJoin('page', 'page', isOfPage)
    .addSelect('page.has_more', 'has_more')
    .getRawAndEntities<Raw & { has_more: boolean }>();
  return { rows: entities, raw, hasMore: raw.at(-1)?.has_more ?? false };
}
