/** The errors that every store throws. */
import { LowrankError } from '#base/errors.js';

export function objectMissing(key: string, cause?: unknown): LowrankError {
  return new LowrankError('object_missing', `there is no object ${key}`, { cause, details: { key } });
}

export function objectExists(key: string, cause?: unknown): LowrankError {
  return new LowrankError('object_exists', `there is an object ${key} already, and objects are immutable`, {
    cause,
    details: { key },
  });
}

export function storeFull(where: string, cause: unknown): LowrankError {
  return new LowrankError('store_full', `no space is left in ${where}: free some and try again`, { cause });
}

export function storeUnavailable(where: string, fix: string, cause: unknown): LowrankError {
  const { message, code } = cause as { message?: string; code?: string };
  return new LowrankError(
    'store_unavailable',
    `the object store ${where} does not work (${[code, message].filter(Boolean).join(': ') || String(cause)}): ${fix}`,
    { cause },
  );
}
