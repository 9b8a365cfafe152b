/** Filters of text. */
import { defineFilter, type Filter } from '#data/jinja/filter.js';
import { dumpJson } from '#data/jinja/json.js';
import { formatPercent } from '#data/jinja/percent-format.js';
import { printLiteral, printText } from '#data/jinja/print.js';
import { capitalize, escapeHtml, split, splitLines, strip, unescapeHtml } from '#data/jinja/text.js';
import { center, replace, wholeArgument } from '#data/jinja/text-methods.js';
import {
  charactersOf,
  entriesOf,
  isDict,
  isInteger,
  isList,
  isTruthy,
  listOf,
  SafeText,
  TemplateFailure,
  textLength,
  tuple,
  typeName,
  Undefined,
} from '#data/jinja/values.js';

function ofText(run: (text: string) => string): Filter {
  return defineFilter([], (input) => likewise(input, run(printText(input))));
}

/** Text as a filter gives it back: marked as HTML where its input was. */
function likewise(input: unknown, text: string): string | SafeText {
  return input instanceof SafeText ? new SafeText(text) : text;
}

function escape(input: unknown): SafeText {
  return input instanceof SafeText ? input : new SafeText(escapeHtml(printText(input)));
}

function textInput(input: unknown): string {
  if (typeof input === 'string' || input instanceof SafeText) return printText(input);
  if (input instanceof Undefined) return input.fail();
  throw new TemplateFailure(`'${typeName(input)}' object is not text`);
}

export const textFilters: readonly (readonly [string, Filter])[] = [
  ['capitalize', ofText(capitalize)],
  [
    'center',
    defineFilter([['width', 80]], (input, width) =>
      likewise(input, center(printText(input), wholeArgument(width))),
    ),
  ],
  ['e', defineFilter([], escape)],
  ['escape', defineFilter([], escape)],
  ['forceescape', defineFilter([], (input) => new SafeText(escapeHtml(printText(input))))],
  ['format', formatFilter],
  [
    'indent',
    defineFilter(
      [
        ['width', 4],
        ['first', false],
        ['blank', false],
      ],
      indent,
    ),
  ],
  ['lower', ofText((text) => text.toLowerCase())],
  ['pprint', defineFilter([], printLiteral)],
  [
    'replace',
    defineFilter(['old', 'new', ['count', null]], (input, old, next, count) =>
      replace(printText(input), printText(old), printText(next), count === null ? -1 : wholeArgument(count)),
    ),
  ],
  ['safe', defineFilter([], (input) => new SafeText(printText(input)))],
  ['string', ofText((text) => text)],
  ['striptags', ofText(stripTags)],
  ['title', ofText(titleWords)],
  [
    'tojson',
    defineFilter(
      [
        ['ensure_ascii', false],
        ['indent', null],
        ['separators', null],
        ['sort_keys', false],
      ],
      toJson,
    ),
  ],
  [
    'trim',
    defineFilter([['chars', null]], (input, set) =>
      strip(printText(input), set === null ? null : textInput(set), true, true),
    ),
  ],
  [
    'truncate',
    defineFilter(
      [
        ['length', 255],
        ['killwords', false],
        ['end', '...'],
        ['leeway', null],
      ],
      truncate,
    ),
  ],
  ['upper', ofText((text) => text.toUpperCase())],
  ['urlencode', defineFilter([], urlEncode)],
  ['wordcount', defineFilter([], (input) => (printText(input).match(/[\p{L}\p{N}_]+/gu) ?? []).length)],
  [
    'wordwrap',
    defineFilter(
      [
        ['width', 79],
        ['break_long_words', true],
        ['wrapstring', '\n'],
        ['break_on_hyphens', true],
      ],
      wordWrap,
    ),
  ],
  ['xmlattr', defineFilter([['autospace', true]], xmlAttributes)],
];

function formatFilter(
  input: unknown,
  positional: readonly unknown[],
  named: ReadonlyMap<string, unknown>,
): string {
  if (positional.length > 0 && named.size > 0) {
    throw new TemplateFailure("can't handle positional and keyword arguments at the same time");
  }
  return formatPercent(printText(input), named.size > 0 ? new Map(named) : tuple(positional));
}

function toJson(
  input: unknown,
  ensureAscii: unknown,
  indent: unknown,
  separators: unknown,
  sortKeys: unknown,
): string {
  const width = typeof indent === 'boolean' ? Number(indent) : indent;
  if (width !== null && typeof width !== 'string' && !isInteger(width)) {
    throw new TemplateFailure(`indent must be a number or text, not ${typeName(indent)}`);
  }
  const pair = separators === null ? undefined : listOf(separators).map(printText);
  if (pair && pair.length !== 2) throw new TemplateFailure('separators must be two texts');
  return dumpJson(input, {
    indent: width,
    separators: pair as [string, string] | undefined,
    sortKeys: isTruthy(sortKeys),
    asciiOnly: isTruthy(ensureAscii),
  });
}

function indent(input: unknown, width: unknown, first: unknown, blank: unknown): string {
  const margin = typeof width === 'string' ? width : ' '.repeat(Math.max(0, wholeArgument(width)));
  const lines = splitLines(`${textInput(input)}\n`, false);
  const [head = '', ...rest] = lines;
  const indented = rest.map((line) => (line !== '' || isTruthy(blank) ? margin + line : line));
  return (isTruthy(first) ? margin : '') + [head, ...indented].join('\n');
}

function truncate(
  input: unknown,
  length: unknown,
  killWords: unknown,
  end: unknown,
  leeway: unknown,
): string {
  const text = textInput(input);
  const [most, tail] = [wholeArgument(length), printText(end)];
  const characters = charactersOf(text);
  if (most < textLength(tail))
    throw new TemplateFailure(`expected length >= ${textLength(tail)}, got ${most}`);
  if (characters.length <= most + (leeway === null ? 5 : wholeArgument(leeway))) return text;
  const kept = characters.slice(0, most - textLength(tail)).join('');
  if (isTruthy(killWords)) return kept + tail;
  const space = kept.lastIndexOf(' ');
  return (space < 0 ? kept : kept.slice(0, space)) + tail;
}

function wordWrap(input: unknown, width: unknown, breakLong: unknown, wrapString: unknown): string {
  const most = wholeArgument(width);
  const end = wrapString === null ? '\n' : printText(wrapString);
  const wrapLine = (line: string): string => {
    const lines: string[] = [];
    let current = '';
    for (let word of split(line, null, -1)) {
      while (isTruthy(breakLong) && textLength(word) > most) {
        const room = current === '' ? most : most - textLength(current) - 1;
        const head = charactersOf(word).slice(0, Math.max(1, room)).join('');
        lines.push(current === '' ? head : `${current} ${head}`);
        current = '';
        word = word.slice(head.length);
      }
      if (word === '') continue;
      if (current !== '' && textLength(current) + 1 + textLength(word) > most) {
        lines.push(current);
        current = word;
      } else {
        current = current === '' ? word : `${current} ${word}`;
      }
    }
    if (current !== '') lines.push(current);
    return lines.join(end);
  };
  return splitLines(textInput(input), false).map(wrapLine).join(end);
}

/** Words begin after white space, hyphens and opening brackets. */
function titleWords(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join('');
}

function stripTags(text: string): string {
  const bare = text.replace(/<!--[\s\S]*?-->/g, '').replace(/<[^>]*>/g, '');
  const words = split(bare, null, -1).join(' ');
  return unescapeHtml(words);
}

function urlEncode(input: unknown): string {
  const quote = (value: unknown, isQuery: boolean): string => {
    const quoted = encodeURIComponent(printText(value)).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return isQuery ? quoted.replaceAll('%20', '+') : quoted.replaceAll('%2F', '/');
  };
  if (!isDict(input) && !isList(input)) return quote(input, false);
  const pairs = isDict(input) ? entriesOf(input) : input.map((pair) => listOf(pair));
  return pairs.map(([key, value]) => `${quote(key, true)}=${quote(value, true)}`).join('&');
}

function xmlAttributes(input: unknown, space: unknown): string {
  if (!isDict(input)) throw new TemplateFailure(`'${typeName(input)}' object has no attribute 'items'`);
  const attributes = entriesOf(input)
    .filter(([, value]) => value !== null && !(value instanceof Undefined))
    .map(([key, value]) => `${escapeHtml(printText(key))}="${escapeHtml(printText(value))}"`)
    .join(' ');
  return attributes !== '' && isTruthy(space) ? ` ${attributes}` : attributes;
}
