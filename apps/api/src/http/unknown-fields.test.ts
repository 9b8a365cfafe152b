import type { Response } from 'express';
import { expect, test } from 'vitest';
import { noteUnknownFields, warnOfUnknownFields } from './unknown-fields.js';

function warningOf(input: unknown, request: object): string | undefined {
  const warnings: string[] = [];
  const append = (_: string, value: string) => warnings.push(value);
  noteUnknownFields(input, request);
  warnOfUnknownFields(request, { append } as never as Response);
  return warnings[0];
}

test('names what was left out, within lists too', () => {
  const input = { model: 'm', top_k: 3, messages: [{ role: 'user', cache: { a: 1 } }], options: { x: 1 } };
  const request = { model: 'm', messages: [{ role: 'user' }], options: {} };
  expect(warningOf(input, request)).toBe(
    '299 - "unknown fields, ignored: top_k, messages.0.cache, options.x"',
  );
});

test('says nothing of what has no content, or is there', () => {
  expect(warningOf({ a: null, b: [], c: {}, d: 0 }, { d: 0 })).toBeUndefined();
  expect(warningOf({ a: { b: 1 } }, { a: { b: 1 } })).toBeUndefined();
});

test('does not look through what was passed on as it is', () => {
  const tokens = new Proxy([1, 2], {
    ownKeys() {
      throw new Error('every entry was looked at');
    },
  });
  expect(warningOf({ tokens }, { tokens })).toBeUndefined();
});

test('is a sound header whatever the names are, and no endless one', () => {
  const names = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${'é"\r\n'.repeat(100)}${i}`, 1]));
  const warning = warningOf(names, {})!;
  expect(warning).toMatch(/^299 - "[\x20-\x7e]+"$/);
  expect(warning.slice(7, -1)).not.toContain('"');
  expect(warning).toContain('and 40 more');
  expect(warning.length).toBeLessThan(1000);
});
