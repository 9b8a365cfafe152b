/** Fields of a request that its schema does not know, where the answer warns of them instead of refusing. */
import type { Response } from 'express';
import { warn } from './warning.js';

const names = new WeakMap<object, readonly string[]>();

/** Notes what a schema left out of a request. */
export function noteUnknownFields(input: unknown, request: unknown): void {
  const unknown = leftOut(input, request);
  if (unknown.length > 0) names.set(request as object, unknown);
}

/** Tells of them in a header. */
export function warnOfUnknownFields(request: object, response: Pick<Response, 'append'>): void {
  const unknown = names.get(request);
  if (unknown) warn(response, 'unknown fields, ignored', unknown);
}

/** What is in one value and not in the other; nothing is said of fields without a content. */
function leftOut(input: unknown, output: unknown, path = ''): string[] {
  // Nothing was taken from what is the same object; long lists are.
  if (input === output) return [];
  if (typeof input !== 'object' || input === null || typeof output !== 'object' || output === null) return [];
  return Object.entries(input).flatMap(([name, value]) => {
    const inner = path === '' ? name : `${path}.${name}`;
    if (Object.hasOwn(output, name)) {
      return leftOut(value, (output as Readonly<Record<string, unknown>>)[name], inner);
    }
    return isEmpty(value) ? [] : [inner];
  });
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
