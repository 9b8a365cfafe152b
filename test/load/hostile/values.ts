/** Values that are made to keep a server busy, as JSON text: some of them no program would write. */

const repeated = (text: string, count: number, last = text) => text.repeat(count - 1) + last;
const nested = (open: string, close: string, depth: number, inner = '') =>
  open.repeat(depth) + inner + close.repeat(depth);
const list = (item: string, count: number) => `[${repeated(`${item},`, count, item)}]`;
const keys = (count: number, name: (i: number) => string, value = '1') =>
  `{${Array.from({ length: count }, (_, i) => `${JSON.stringify(name(i))}:${value}`).join(',')}}`;

/** Each less than a megabyte, the most that a body may have. */
export const hostileValues: readonly (readonly [what: string, json: string])[] = [
  ['a text of 900,000 characters', JSON.stringify('a'.repeat(900_000))],
  ['a text of letters with marks', JSON.stringify('e\u0301'.repeat(250_000))],
  ['a text from right to left', JSON.stringify('\u202e\u05d0'.repeat(150_000))],
  ['a text of faces', JSON.stringify('\u{1f9d1}\u200d'.repeat(100_000))],
  ['NUL characters', `"${'\\u0000'.repeat(150_000)}"`],
  ['halves of characters', `"${'\\ud800'.repeat(150_000)}"`],
  ['a secret of 900,000 characters', JSON.stringify(`Bearer ${'://a:'.repeat(180_000)}`)],
  ['450,000 lists in each other', nested('[', ']', 450_000)],
  ['150,000 objects in each other', nested('{"a":', '}', 150_000, '1')],
  ['30 lists in each other, each with many', nested(`[${'1,'.repeat(15_000)}`, ']', 30, '1')],
  ['400,000 numbers', list('1', 400_000)],
  ['200,000 texts', list('"a"', 200_000)],
  ['300,000 empty objects', list('{}', 300_000)],
  ['45,000 lists', list('[[]]', 45_000)],
  ['60,000 keys', keys(60_000, (i) => `key${i}`)],
  ['one key 100,000 times', `{${repeated('"key":1,', 100_000, '"key":1')}}`],
  ['3,900 long keys', keys(3900, (i) => `${'k'.repeat(200)}${i}`)],
  ['4,600 unknown names', JSON.stringify(Array.from({ length: 4600 }, (_, i) => `qproj_${i}_`.repeat(8)))],
  ['a number without end', '1e999'],
  ['its opposite', '-1e999'],
  ['a number of 900,000 digits', '9'.repeat(900_000)],
  ['the prototype of objects', '{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}},"toString":1}'],
  ['a backtracking expression', JSON.stringify('(([a-z_.0-9]+)+)+!')],
];

/** Regular expressions that are long to compile, to match, or neither but look so. */
export const hostileExpressions: readonly (readonly [what: string, text: string])[] = [
  ['that backtracks', '(([a-z_.0-9]+)+)+!'],
  ['that backtracks with a lookahead', '(?=((.+)+)+!).*'],
  ['that backtracks with a reference', '(.+)(.+)(.+)(.+)\\1\\2\\3\\4!'],
  ['of 900,000 characters', 'a'.repeat(900_000)],
  ['of 20,000 characters', 'a?'.repeat(10_000)],
  ['of 20,000 alternatives', 'a|'.repeat(9_999)],
  ['of 9,000 groups', '()'.repeat(9000)],
  ['of 6,000 groups in each other', '(?:'.repeat(4000) + ')'.repeat(4000)],
  ['with repetitions of repetitions', '(((((a{1,99}){1,99}){1,99}){1,99}){1,99})*'],
  ['with a large repetition', '(?:a{1000}){1000}'],
  ['of 300 lookbehinds', '(?<=a+)'.repeat(300)],
  ['that is broken', '(['],
];
