import { expect, test } from 'vitest';
import { findUnsound } from '#base/sound-values.js';

test.each([
  [null],
  [{ a: [1, 'text', { b: true }] }],
  ['emoji \u{1f600}'],
  [JSON.parse('['.repeat(32) + ']'.repeat(32))],
])('%j is sound', (value) => {
  expect(findUnsound(value)).toBeUndefined();
});

test.each([
  ['a NUL', { a: [{ b: 'x\0' }] }, 'a.0.b'],
  ['half a character', { a: 'x\ud83d' }, 'a'],
  ['the other half', { a: '\ude00x' }, 'a'],
  ['a name with a NUL', { a: { 'x\0': 1 } }, 'a'],
  ['depth', JSON.parse('['.repeat(34) + ']'.repeat(34)), Array.from({ length: 32 }, () => '0').join('.')],
])('%s is found, with its place', (_, value, field) => {
  expect(findUnsound(value)).toMatchObject({ field });
});

test('a value of any depth is looked at without using up the stack', () => {
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown;
  expect(findUnsound(deep)?.problem).toContain('deep');
});

test('more values than any request needs are found before all of them are looked at', () => {
  const many = Array.from({ length: 100_000 }, () => ['text']);
  expect(findUnsound({ many })).toMatchObject({ problem: 'has more than 50000 values' });
  expect(findUnsound({ tokens: Array.from({ length: 500_000 }, (_, i) => i) })).toBeUndefined();
});
