import { describe, expect, test } from 'vitest';
import { GrammarMachine, dead } from '#generation/grammar/machine.js';
import { object } from '#generation/grammar/json.js';
import { schemaGrammar } from '#generation/grammar/json-schema.js';

/** Whether a text is one of a grammar, to its end. */
function fits(grammar: ReturnType<typeof schemaGrammar>, text: string): boolean {
  const machine = new GrammarMachine(grammar);
  const state = machine.walk(machine.start, new TextEncoder().encode(text));
  return state !== dead && machine.isEnd(state);
}

const cases: readonly [what: string, schema: object, good: readonly unknown[], bad: readonly unknown[]][] = [
  ['strings', { type: 'string' }, ['', 'aé😀"\n\\'], [1, null, {}]],
  ['strings of a length', { type: 'string', minLength: 1, maxLength: 2 }, ['a', '😀é'], ['', 'abc']],
  ['whole numbers', { type: 'integer' }, [0, -12, 7], [1.5, '1', true]],
  ['numbers', { type: 'number' }, [0, -1.25, 1e21, 3], ['1', null]],
  ['several types', { type: ['integer', 'null'] }, [1, null], ['a', 1.5]],
  ['values of a list', { enum: ['a', 2, null] }, ['a', 2, null], ['b', 3]],
  ['values of a list and a type', { type: 'string', enum: ['a', null] }, ['a'], [null]],
  ['one value', { const: { a: 1 } }, [{ a: 1 }], [{ a: 2 }]],
  [
    'lists',
    { type: 'array', items: { type: 'boolean' }, minItems: 1, maxItems: 2 },
    [[true], [true, false]],
    [[], [true, true, true], [1]],
  ],
  [
    'objects with properties that may be missing',
    {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'string' }, c: {} },
      required: ['b'],
      additionalProperties: false,
    },
    [{ b: '' }, { a: 1, b: 'x' }, { a: 1, b: 'x', c: [1, { d: null }] }],
    [{}, { a: 1 }, { b: 1 }, { a: 1, b: 'x', d: 1 }],
  ],
  [
    'objects of names that are not listed',
    { additionalProperties: { type: 'integer' } },
    [{}, { x: 1, y: 2 }],
    [{ x: 'a' }],
  ],
  [
    'one of several',
    { anyOf: [{ type: 'integer' }, { type: 'object', properties: { a: { type: 'null' } } }] },
    [3, {}, { a: null }],
    ['a', { a: 1 }],
  ],
  [
    'itself',
    {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          required: ['next'],
        },
      },
    },
    [{ next: null }, { next: { next: { next: null } } }],
    [{}, { next: 1 }],
  ],
  [
    'formats',
    { type: 'string', format: 'date-time' },
    ['2026-11-30T22:08:07Z'],
    ['yesterday', '2026-13-01T00:00:00Z'],
  ],
  ['anything', {}, [1, 'a', [null], { a: { b: [] } }], []],
];

describe('a schema', () => {
  test.each(cases)('of %s allows what it says and no more', (_, schema, good, bad) => {
    const grammar = schemaGrammar(schema, 'schema');
    for (const value of good) {
      const texts = [JSON.stringify(value), JSON.stringify(value, null, 2)];
      for (const text of texts) expect(fits(grammar, text), text).toBe(true);
    }
    for (const value of bad) expect(fits(grammar, JSON.stringify(value)), JSON.stringify(value)).toBe(false);
    for (const text of ['', '{', '"a', '[1,', 'nul', '01x']) expect(fits(grammar, text), text).toBe(false);
  });

  test.each([
    ['properties.a.pattern', { properties: { a: { type: 'string', pattern: '^a' } } }, 'unsupported'],
    ['properties.a.format', { properties: { a: { type: 'string', format: 'email' } } }, 'unsupported'],
    ['items.minimum', { type: 'array', items: { type: 'integer', minimum: 1 } }, 'unsupported'],
    ['oneOf', { oneOf: [{}] }, 'unsupported'],
    ['anyOf.0.allOf', { anyOf: [{ allOf: [] }] }, 'unsupported'],
    ['$ref', { $ref: 'http://x.example/y' }, 'unsupported'],
    ['$ref', { $ref: '#/$defs/none' }, 'invalid_request'],
    ['$ref', { $ref: '#' }, 'invalid_request'],
    ['type', { type: 'text' }, 'invalid_request'],
    ['properties.a', { properties: { a: 5 } }, 'invalid_request'],
    ['required', { properties: {}, required: ['a'] }, 'invalid_request'],
    ['minItems', { type: 'array', minItems: 3, maxItems: 2 }, 'invalid_request'],
  ])('is refused at %s', (place, schema, code) => {
    const refusal = expect.objectContaining({ code, details: { param: `schema.${place}` } }) as Error;
    expect(() => schemaGrammar(schema, 'schema')).toThrow(refusal);
  });
});

test('JSON that is broken, or not UTF-8, is none', () => {
  expect(fits(object, '{"a": [1, 2.5e-3, "\\u00e9", true, null], "b": {}}')).toBe(true);
  for (const text of [
    '[]',
    '{"a" 1}',
    '{"a": 01}',
    '{"a": "\u0001"}',
    '{"a": 1,}',
    '{"a": "\\x"}',
    '{"a": 1} x',
  ]) {
    expect(fits(object, text), text).toBe(false);
  }
  const machine = new GrammarMachine(object);
  const open = machine.walk(machine.start, new TextEncoder().encode('{"'));
  expect(machine.walk(open, Uint8Array.of(0xc3, 0x22))).toBe(dead);
  expect(machine.walk(open, Uint8Array.of(0xff))).toBe(dead);
});
