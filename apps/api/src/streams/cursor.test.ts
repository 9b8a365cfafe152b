import { expect, test } from 'vitest';
import { cursorId, readCursor } from './cursor.js';

test.each([
  ['events', '7', { event: 7, metric: null }],
  ['metrics', '7', { event: null, metric: 7 }],
  ['all', '7-9', { event: 7, metric: 9 }],
] as const)('the id of %s comes back as it went out', (kind, id, cursor) => {
  expect(readCursor(kind, id)).toEqual(cursor);
  expect(cursorId(cursor)).toBe(id);
});

test('without an id everything is sent', () => {
  expect(readCursor('all', undefined)).toEqual({ event: 0, metric: 0 });
  expect(readCursor('events', undefined)).toEqual({ event: 0, metric: null });
});

test.each([
  ['all', '7'],
  ['events', '7-9'],
  ['metrics', ''],
  ['events', '-1'],
  ['events', 'x'],
  ['all', '1-2-3'],
  ['events', '99999999999'],
] as const)('an id of another stream than %s is refused: %s', (kind, id) => {
  expect(() => readCursor(kind, id)).toThrow(/Last-Event-ID/);
});
