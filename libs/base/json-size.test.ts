import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findOversized } from '#base/json-size.js';
import { findUnsound } from '#base/sound-values.js';

const fields = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}": 1`).join(', ')}}`;

test.each<[what: string, json: string, field: string, problem: string]>([
  [
    'depth',
    `{"a": [1, ${'['.repeat(450_000)}`,
    `a.1.${Array.from({ length: 30 }, () => '0').join('.')}`,
    'deep',
  ],
  ['objects in objects', '{"a":'.repeat(150_000), Array.from({ length: 32 }, () => 'a').join('.'), 'deep'],
  ['fields', `{"a": {"b": ${fields(60_000)}}}`, 'a.b', 'has more than 4000 fields'],
  ['one field many times', `{${'"a":1,'.repeat(100_000)}`, '', 'has more than 4000 fields'],
  ['values', `[${'{},'.repeat(300_000)}1]`, '', 'has more than 50000 values'],
  ['texts', `[${'"a",'.repeat(200_000)}1]`, '', 'has more than 50000 values'],
])('%s beyond measure are found in the text, in a moment', (_, json, field, problem) => {
  const start = performance.now();
  const found = findOversized(json);
  expect(performance.now() - start).toBeLessThan(200);
  expect(found?.field).toBe(field);
  expect(found?.problem).toContain(problem);
});

test.each([
  ['fields to the limit', fields(4000)],
  ['many numbers', `[${'1,'.repeat(400_000)}1]`],
  ['a text of brackets, escaped quotes and backslashes', JSON.stringify('[{"\\'.repeat(50_000))],
  ['values to the limit', JSON.stringify(Array.from({ length: 49_999 }, () => 'a'))],
  ['lists to the limit', '['.repeat(32) + ']'.repeat(32)],
  ['what is no JSON', '":,]}'.repeat(1000)],
  ['a text without its end', `"${'\\"'.repeat(1000)}`],
])('%s are for the parser', (_, json) => {
  expect(findOversized(json)).toBeUndefined();
});

test('a text is refused only where its value is, and for the same reason', () => {
  const deepOrNot = fc.oneof(
    fc.jsonValue({ maxDepth: 6 }),
    fc
      .integer({ min: 28, max: 36 })
      .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown),
  );
  fc.assert(
    fc.property(deepOrNot, (value) => {
      const found = findOversized(JSON.stringify(value));
      expect([undefined, findUnsound(value)]).toContainEqual(found);
    }),
  );
  expect.hasAssertions();
});
