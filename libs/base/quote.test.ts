import { describe, expect, test } from 'vitest';
import { cut, listed, quote } from '#base/quote.js';

describe('a value in a message', () => {
  test.each([[null], [1.5], ['a "text"'], [['a', { b: [1, null, true] }, []]], [{ a: {}, 'b"': 'c' }]])(
    'is its JSON: %j',
    (value) => expect(quote(value)).toBe(JSON.stringify(value)),
  );

  test('is cut to the limit', () => {
    expect(quote('a'.repeat(1000), 10)).toBe(`"${'a'.repeat(9)}...`);
    expect(
      quote(
        Array.from({ length: 1000 }, () => [{ a: 'b' }]),
        20,
      ),
    ).toBe('[[{"a":"b"}],[{"a":"...');
    expect(quote(undefined)).toBe('nothing');
  });

  test('is not looked at beyond what is shown', () => {
    const values = new Proxy(
      Array.from({ length: 1000 }, (_, i) => i),
      {
        get(list, key) {
          if (Number(key) > 100) throw new Error('looked at');
          return Reflect.get(list, key) as unknown;
        },
        ownKeys() {
          throw new Error('all of its keys asked for');
        },
      },
    );
    expect(quote(values, 50)).toMatch(/^\[0,1,2/);
  });
});

test('of many long names a few beginnings are listed', () => {
  expect(listed(['a', 'b'])).toBe('a, b');
  expect(listed(['a', 'b', 'c'], 1)).toBe('a and 2 more');
  expect(listed(['a'.repeat(900_000)]).length).toBeLessThan(200);
  expect(cut('abc', 2)).toBe('ab...');
});
