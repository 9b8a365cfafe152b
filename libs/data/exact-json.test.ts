import { assert, json, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Float, parseExactJson } from '#data/exact-json.js';

describe('parseExactJson', () => {
  it('keeps whole floats apart from integers', () => {
    expect(parseExactJson('[48.0, 48, 1e22, -0.0, 2.5, 1E2]')).toEqual([
      new Float(48),
      48,
      new Float(1e22),
      new Float(-0),
      2.5,
      new Float(100),
    ]);
  });

  it('keeps every digit of a large integer', () => {
    expect(parseExactJson('[2512292042121000001, -9007199254740993, 9007199254740991, -0]')).toEqual([
      2512292042121000001n,
      -9007199254740993n,
      9007199254740991,
      0,
    ]);
  });

  it('keeps the order of keys that look like indices', () => {
    const value = parseExactJson('{"b": 1, "10": {"a": 0}, "2": 3}');
    expect(value).toEqual(
      new Map<string, unknown>([
        ['b', 1],
        ['10', { a: 0 }],
        ['2', 3],
      ]),
    );
    expect([...(value as Map<string, unknown>).keys()]).toEqual(['b', '10', '2']);
  });

  it('gives the last of two values of the same key, in the place of the first', () => {
    expect(Object.entries(parseExactJson('{"a": 1.0, "b": 2, "a": 3}') as object)).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
  });

  it('takes __proto__ for a key like any other', () => {
    const value = parseExactJson('{"__proto__": 1.0}') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('gives what JSON.parse gives for everything else', () => {
    const withNumber = (text: string): string => `[1.0, ${text}]`;
    assert(
      property(json({ noUnicodeString: false }), nat(3), (text, spaces) => {
        const spaced = JSON.stringify(JSON.parse(text), undefined, spaces);
        const [, value] = parseExactJson(withNumber(spaced)) as [unknown, unknown];
        expect(JSON.parse(JSON.stringify(plainOf(value)))).toEqual(
          JSON.parse(JSON.stringify(JSON.parse(text))),
        );
      }),
    );
  });

  it('refuses what JSON.parse refuses', () => {
    for (const text of [
      '',
      '1.0 x',
      '[1.0,]',
      '{"a": 1.0,}',
      '{a: 1.0}',
      "['1.0']",
      '[1.0',
      '{"a" 1.0}',
      '"1.0',
      '[1.0, "\t"]'.replace('\\t', '\t'),
      '[01.0]',
      '[1.]',
      '[.5, 1.0]',
      '[+1.0]',
      '[NaN, 1.0]',
      '["\\x", 1.0]',
    ]) {
      expect(() => parseExactJson(text), text).toThrow(SyntaxError);
    }
    expect(() => parseExactJson('[1.0, nul]')).toThrow('position 6');
  });
});

/** A parsed value with plain numbers and objects. */
function plainOf(value: unknown): unknown {
  if (value instanceof Float) return value.value;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plainOf);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plainOf(item)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainOf(item)]));
}
