import { array, assert, constantFrom, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExactJson } from '#data/exact-json.js';
import { parseLine } from '#data/formats/json-line.js';

const numbers = [
  '0',
  '-0',
  '-0.5',
  '48.0',
  '1e-07',
  '1E+22',
  '2512292042121000001',
  '-9007199254740993',
  '999999999999999',
  '1000000000000000',
  'true',
  'false',
  'null',
  '"1.0"',
  '"e5 10.5 \\" 3.0"',
  '[]',
  '{}',
];
const keys = ['"a"', '"10"', '"2"', '"0"', '"-1"', '"1.5"', '"e1"', '"4294967294"', '"x\\"1"'];
const spaces = ['', ' ', '\t'];

describe('parseLine', () => {
  it('keeps numbers and the order of keys wherever they stand', () => {
    const entry = tuple(constantFrom(...keys), constantFrom(...spaces), constantFrom(...numbers));
    assert(
      property(array(entry, { maxLength: 6 }), (entries) => {
        const object = `{${entries.map(([key, space, value]) => `${key}${space}:${space}${value}`).join(',')}}`;
        const text = `{"arguments": [${object}, ${object}]}`;
        const line = { number: 1, bytes: Buffer.from(text), isUnterminated: false };
        const parsed = parseLine(text, line, (_, __, message) => expect.unreachable(message));
        expect(parsed).toEqual(parseExactJson(text));
      }),
      { numRuns: 2000 },
    );
  });
});
