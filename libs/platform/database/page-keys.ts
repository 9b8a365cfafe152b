/** Which rows a page has: so many at most, and no more than can be read and written in no time. */
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';

/** Of all rows of a page but the first, as the database writes them. A hundred usual rows have a half of it. */
const maxPageBytes = 1 << 20;

export interface PageKeys<Key> {
  readonly keys: readonly Key[];
  /** Whether rows come after those. */
  readonly hasMore: boolean;
}

/**
 * The keys of the first rows of a query, in its order: `limit` of them, or fewer where these have much in them, but one at
 * least. `column` is a property that tells rows apart: `id`.
 */
export async function pageKeys<Row extends ObjectLiteral, Key extends string | number>(
  query: SelectQueryBuilder<Row>,
  column: keyof Row & string,
  limit: number,
): Promise<PageKeys<Key>> {
  const { alias } = query;
  const found = await query
    .clone()
    .select(`${alias}.${column}`, 'key')
    .addSelect(`octet_length("${alias}"::text)`, 'bytes')
    .limit(limit + 1)
    .getRawMany<{ key: Key; bytes: number }>();
  let bytes = 0;
  const fitting = found.slice(0, limit).findIndex((row, i) => (bytes += row.bytes) > maxPageBytes && i > 0);
  const count = fitting < 0 ? limit : fitting;
  return { keys: found.slice(0, count).map(({ key }) => key), hasMore: found.length > count };
}

/** The same rows, read. */
export function narrowTo<Row extends ObjectLiteral>(
  query: SelectQueryBuilder<Row>,
  column: keyof Row & string,
  keys: readonly (string | number)[],
): SelectQueryBuilder<Row> {
  return query.andWhere(`${query.alias}.${column} = ANY(:pageKeys)`, { pageKeys: [...keys] });
}
