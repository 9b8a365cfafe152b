/** What the readers of a row share: how they report a problem, and words for what they found. */

/** Reports a problem of a row: the field (`messages[2].role`), a stable code, what is wrong and how to put it right. */
export type Report = (field: string, code: string, message: string) => void;

/** A JSON value's type in words. */
export function describeType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
}

/** Where in a value there is a half of a surrogate pair, which no encoding of text can hold; undefined if nowhere. */
export function findLoneSurrogate(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value) ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const entries: Iterable<[string, unknown]> =
    value instanceof Map ? (value as Map<string, unknown>) : Object.entries(value);
  for (const [key, item] of entries) {
    const step = Array.isArray(value) ? `[${key}]` : path === '' ? key : `.${key}`;
    const found = findLoneSurrogate(item, path + step) ?? (/\p{Surrogate}/u.test(key) ? path : undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}
