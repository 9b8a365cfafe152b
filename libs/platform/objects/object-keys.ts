/** Names of objects that every store can hold: no way out of its folder, no character that some store changes. */
import { LowrankError } from '#base/errors.js';

const LONGEST_KEY = 900;
const LONGEST_SEGMENT = 200;
const segment = /^[A-Za-z0-9._-]+$/;

/** Throws LowrankError `object_key` unless the key is segments of letters, digits, `.`, `_` and `-` with `/` between. */
export function checkKey(key: string): void {
  const segments = key.split('/');
  const good =
    key.length <= LONGEST_KEY &&
    segments.every(
      (part) => segment.test(part) && part.length <= LONGEST_SEGMENT && part !== '.' && part !== '..',
    );
  if (!good) throw badKey(key, 'use letters, digits, ".", "_" and "-" with "/" between');
}

/** The beginning of keys, whole segments or not; throws LowrankError `object_key`. */
export function checkPrefix(prefix: string): void {
  if (prefix === '') return;
  checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

export function badKey(key: string, why: string): LowrankError {
  return new LowrankError(
    'object_key',
    `${JSON.stringify(key.slice(0, 200))} is not a valid object key: ${why}`,
    {
      details: { key: key.slice(0, 200) },
    },
  );
}

/** A file's name as a segment of a key: other characters become `_`, and it is never empty or hidden. */
export function keySegment(filename: string): string {
  const last = filename.split(/[\\/]/).at(-1) ?? '';
  const clean = last
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '_')
    .slice(-LONGEST_SEGMENT);
  return clean.replace(/^[.]+/, '') || 'file';
}
