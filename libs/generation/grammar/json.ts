/** JSON as a grammar. */
import {
  bytes,
  choice,
  type Grammar,
  literal,
  oneOf,
  optional,
  repeat,
  rule,
  sequence,
} from '#generation/grammar/grammar.js';

/** No more than a reader of indented JSON wants: a model that likes spaces would write nothing else. */
const maxIndent = 20;

/** Between tokens of JSON: nothing, a space, or a line break and an indent. */
export const space = optional(
  choice(literal(' '), sequence(literal('\n'), repeat(oneOf(' \t'), 0, maxIndent))),
);

const digit = bytes([0x30, 0x39]);
const hex = oneOf('0123456789abcdefABCDEF');
const following = bytes([0x80, 0xbf]);

/** A character in a string: UTF-8 without controls, or an escape that stands for one character. */
const character = choice(
  bytes([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7e]),
  sequence(bytes([0xc2, 0xdf]), following),
  sequence(bytes([0xe0, 0xe0]), bytes([0xa0, 0xbf]), following),
  sequence(bytes([0xe1, 0xec], [0xee, 0xef]), following, following),
  sequence(bytes([0xed, 0xed]), bytes([0x80, 0x9f]), following),
  sequence(bytes([0xf0, 0xf0]), bytes([0x90, 0xbf]), following, following),
  sequence(bytes([0xf1, 0xf3]), following, following, following),
  sequence(bytes([0xf4, 0xf4]), bytes([0x80, 0x8f]), following, following),
  sequence(literal('\\'), oneOf('"\\/bfnrt')),
  // Not half of a character: those of D800 to DFFF.
  sequence(
    literal('\\u'),
    choice(sequence(oneOf('0123456789abcefABCEF'), hex), sequence(oneOf('dD'), oneOf('01234567'))),
    hex,
    hex,
  ),
);

/** A string of so many characters. */
export function string(least = 0, most = Infinity): Grammar {
  return sequence(literal('"'), repeat(character, least, most), literal('"'));
}

/** A string whose content follows a grammar that needs no escapes. */
export function quoted(content: Grammar): Grammar {
  return sequence(literal('"'), content, literal('"'));
}

const anyString = string();
/** A bound on digits: a model may write them for ever. */
const maxDigits = 15;
export const integer = sequence(
  optional(literal('-')),
  choice(literal('0'), sequence(bytes([0x31, 0x39]), repeat(digit, 0, maxDigits - 1))),
);
export const number = sequence(
  integer,
  optional(sequence(literal('.'), repeat(digit, 1, maxDigits))),
  optional(sequence(oneOf('eE'), optional(oneOf('+-')), repeat(digit, 1, 2))),
);
export const boolean = choice(literal('true'), literal('false'));
export const none = literal('null');

/** Items with commas between them. */
export function list(item: Grammar, least = 0, most = Infinity): Grammar {
  if (most === 0) return sequence(literal('['), space, literal(']'));
  const more = repeat(sequence(space, literal(','), space, item), Math.max(0, least - 1), most - 1);
  const items = sequence(item, more, space);
  return sequence(literal('['), space, least === 0 ? optional(items) : items, literal(']'));
}

export function member(name: Grammar, value: Grammar): Grammar {
  return sequence(name, space, literal(':'), space, value);
}

/** An object of any names whose values follow a grammar. */
export function map(value: Grammar): Grammar {
  const one = member(anyString, value);
  const members = sequence(one, repeat(sequence(space, literal(','), space, one)), space);
  return sequence(literal('{'), space, optional(members), literal('}'));
}

export const value: Grammar = rule(() => choice(object, list(value), anyString, number, boolean, none));
export const object: Grammar = map(value);

/** A value as it is, with white space where JSON may have some. */
export function exactly(one: unknown): Grammar {
  if (typeof one !== 'object' || one === null) return literal(JSON.stringify(one));
  const [open, close] = Array.isArray(one) ? '[]' : '{}';
  const parts = Array.isArray(one)
    ? one.map(exactly)
    : Object.entries(one).map(([name, each]) => member(literal(JSON.stringify(name)), exactly(each)));
  const spaced = parts.flatMap((part, i) => (i === 0 ? [part] : [space, literal(','), space, part]));
  return sequence(literal(open!), space, ...spaced, ...(parts.length === 0 ? [] : [space]), literal(close!));
}

const digits = (count: number) => repeat(digit, count, count);
const days = (last: Grammar) =>
  choice(
    sequence(literal('0'), bytes([0x31, 0x39])),
    sequence(literal('1'), digit),
    sequence(literal('2'), last),
  );
const upTo28 = days(bytes([0x30, 0x38]));
const upTo30 = choice(days(digit), literal('30'));
const upTo31 = choice(upTo30, literal('31'));
const monthOf = (months: readonly string[], day: Grammar) =>
  sequence(choice(...months.map(literal)), literal('-'), day);
/** Without the 29th of February, which most years lack. */
const dateText = sequence(
  digits(4),
  literal('-'),
  choice(
    monthOf(['02'], upTo28),
    monthOf(['04', '06', '09', '11'], upTo30),
    monthOf(['01', '03', '05', '07', '08', '10', '12'], upTo31),
  ),
);
const sixty = sequence(bytes([0x30, 0x35]), digit);
const hour = choice(sequence(oneOf('01'), digit), sequence(literal('2'), oneOf('0123')));
const timeText = sequence(
  hour,
  literal(':'),
  sixty,
  literal(':'),
  sixty,
  optional(sequence(literal('.'), repeat(digit, 1, 6))),
  choice(literal('Z'), sequence(oneOf('+-'), hour, literal(':'), sixty)),
);
const hexes = (count: number) => repeat(hex, count, count);

/** Formats of strings. */
export const formats: Readonly<Record<string, Grammar>> = {
  date: quoted(dateText),
  time: quoted(timeText),
  'date-time': quoted(sequence(dateText, literal('T'), timeText)),
  uuid: quoted(sequence(hexes(8), ...[4, 4, 4, 12].flatMap((count) => [literal('-'), hexes(count)]))),
};
