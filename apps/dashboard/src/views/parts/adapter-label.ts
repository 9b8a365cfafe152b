import type { AdapterObject } from '#contracts/http/adapters.js';

/** A name for people: the suffix of `ft:BASE:PROJECT:SUFFIX:ID`, or the id. */
export function labelOf({ id, name }: Pick<AdapterObject, 'id' | 'name'>): string {
  const parts = name.split(':');
  return (parts.length >= 5 && parts.at(-2)) || id;
}
