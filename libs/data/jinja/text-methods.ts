/** The methods of Python's str. */
import { matchArguments, type Parameter } from '#data/jinja/arguments.js';
import { pad } from '#data/jinja/number-format.js';
import { numeric } from '#data/jinja/operators.js';
import {
  capitalize,
  characterTests,
  split,
  splitFromEnd,
  splitLines,
  strip,
  swapCase,
  titleCase,
} from '#data/jinja/text.js';
import {
  charactersOf,
  checkLength,
  type KeywordArguments,
  isList,
  isTruthy,
  listOf,
  plain,
  TemplateFailure,
  textLength,
  tuple,
  Tuple,
  typeName,
} from '#data/jinja/values.js';

type Method = (text: string, positional: readonly unknown[], named: KeywordArguments) => unknown;

/** A method whose parameters have names only inside: none can be given by name. */
function byPosition(
  parameters: readonly Parameter[],
  run: (text: string, ...values: unknown[]) => unknown,
): Method {
  return (text, positional, named) => {
    if (named.size > 0) throw new TemplateFailure('str method takes no keyword arguments');
    return run(text, ...matchArguments('str method', parameters, positional, named));
  };
}

function byName(
  parameters: readonly Parameter[],
  run: (text: string, ...values: unknown[]) => unknown,
): Method {
  return (text, positional, named) =>
    run(text, ...matchArguments('str method', parameters, positional, named));
}

function textArgument(given: unknown): string {
  const value = plain(given);
  if (typeof value === 'string') return value;
  throw new TemplateFailure(`must be str, not ${typeName(value)}`);
}

function optionalText(value: unknown): string | null {
  return value === null ? null : textArgument(value);
}

export function wholeArgument(value: unknown): number {
  const number = numeric(value);
  if (typeof number === 'number' || typeof number === 'bigint') return Number(number);
  throw new TemplateFailure(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

/** A text as one character for each code point, with where a search in it begins. */
function searched(text: string, start: unknown, stop: unknown): { part: string; offset: number } | undefined {
  if (start === null && stop === null) return { part: text, offset: 0 };
  const characters = charactersOf(text);
  const clamp = (value: unknown, otherwise: number): number => {
    if (value === null) return otherwise;
    const index = wholeArgument(value);
    return Math.max(0, Math.min(index < 0 ? index + characters.length : index, characters.length));
  };
  const offset = clamp(start, 0);
  if (start !== null && wholeArgument(start) > characters.length) return undefined;
  return { part: characters.slice(offset, clamp(stop, characters.length)).join(''), offset };
}

function find(text: string, wanted: unknown, start: unknown, stop: unknown, fromEnd: boolean): number {
  const region = searched(text, start, stop);
  if (!region) return -1;
  const { part, offset } = region;
  const at = fromEnd ? part.lastIndexOf(textArgument(wanted)) : part.indexOf(textArgument(wanted));
  return at < 0 ? -1 : offset + textLength(part.slice(0, at));
}

const range: readonly Parameter[] = ['sub', ['start', null], ['end', null]];

function finder(fromEnd: boolean, mustExist: boolean): Method {
  return byPosition(range, (text, wanted, start, stop) => {
    const at = find(text, wanted, start, stop, fromEnd);
    if (mustExist && at < 0) throw new TemplateFailure('substring not found');
    return at;
  });
}

function edge(test: (part: string, wanted: string) => boolean): Method {
  return byPosition(range, (text, wanted, start, stop) => {
    const region = searched(text, start, stop);
    if (!region) return false;
    const options = wanted instanceof Tuple ? wanted : [wanted];
    return options.some((option) => {
      if (typeof option !== 'string') {
        const names = isList(wanted) ? '' : `, not ${typeName(option)}`;
        throw new TemplateFailure(`first arg must be str or a tuple of str${names}`);
      }
      return test(region.part, option);
    });
  });
}

function justifier(align: '<' | '>' | '^'): Method {
  return byPosition(['width', ['fillchar', ' ']], (text, width, fill) => {
    const columns = wholeArgument(width);
    checkLength(columns);
    if (align === '^') return center(text, columns, textArgument(fill));
    return pad(text, columns, textArgument(fill), align);
  });
}

/** A text in the middle of a width; CPython puts an odd space to the left where the width is odd too. */
export function center(text: string, width: number, fill = ' '): string {
  const missing = width - textLength(text);
  if (missing <= 0) return text;
  const left = Math.floor(missing / 2) + (missing % 2 === 1 && width % 2 === 1 ? 1 : 0);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

function stripper(atStart: boolean, atEnd: boolean): Method {
  return byPosition([['chars', null]], (text, set) => strip(text, optionalText(set), atStart, atEnd));
}

function partitioner(fromEnd: boolean): Method {
  return byPosition(['sep'], (text, separator) => {
    const wanted = textArgument(separator);
    if (wanted === '') throw new TemplateFailure('empty separator');
    const at = fromEnd ? text.lastIndexOf(wanted) : text.indexOf(wanted);
    if (at < 0) return tuple(fromEnd ? ['', '', text] : [text, '', '']);
    return tuple([text.slice(0, at), wanted, text.slice(at + wanted.length)]);
  });
}

function simple(run: (text: string) => unknown): Method {
  return byPosition([], (text) => run(text));
}

const splitting: readonly Parameter[] = [
  ['sep', null],
  ['maxsplit', -1],
];

/** Methods by name. `format` and `format_map` need the template's access to fields and are elsewhere. */
export const textMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ...Object.entries(characterTests).map(([name, test]) => [name, simple(test)] as const),
  ['capitalize', simple(capitalize)],
  ['casefold', simple((text) => text.toLowerCase().replaceAll('ß', 'ss'))],
  ['center', justifier('^')],
  ['count', byPosition(range, count)],
  ['endswith', edge((part, wanted) => part.endsWith(wanted))],
  ['expandtabs', byName([['tabsize', 8]], (text, size) => expandTabs(text, wholeArgument(size)))],
  ['find', finder(false, false)],
  ['index', finder(false, true)],
  ['join', byPosition(['iterable'], join)],
  ['ljust', justifier('<')],
  ['lower', simple((text) => text.toLowerCase())],
  ['lstrip', stripper(true, false)],
  ['partition', partitioner(false)],
  [
    'removeprefix',
    byPosition(['prefix'], (text, prefix) => {
      const start = textArgument(prefix);
      return text.startsWith(start) ? text.slice(start.length) : text;
    }),
  ],
  [
    'removesuffix',
    byPosition(['suffix'], (text, suffix) => {
      const end = textArgument(suffix);
      return end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text;
    }),
  ],
  [
    'replace',
    byPosition(['old', 'new', ['count', -1]], (text, old, next, times) =>
      replace(text, textArgument(old), textArgument(next), wholeArgument(times)),
    ),
  ],
  ['rfind', finder(true, false)],
  ['rindex', finder(true, true)],
  ['rjust', justifier('>')],
  ['rpartition', partitioner(true)],
  [
    'rsplit',
    byName(splitting, (text, separator, limit) =>
      splitFromEnd(text, optionalText(separator), wholeArgument(limit)),
    ),
  ],
  ['rstrip', stripper(false, true)],
  [
    'split',
    byName(splitting, (text, separator, limit) => split(text, optionalText(separator), wholeArgument(limit))),
  ],
  ['splitlines', byName([['keepends', false]], (text, keepEnds) => splitLines(text, isTruthy(keepEnds)))],
  ['startswith', edge((part, wanted) => part.startsWith(wanted))],
  ['strip', stripper(true, true)],
  ['swapcase', simple(swapCase)],
  ['title', simple(titleCase)],
  ['upper', simple((text) => text.toUpperCase())],
  ['zfill', byPosition(['width'], (text, width) => pad(text, wholeArgument(width), '0', '='))],
]);

function count(text: string, wanted: unknown, start: unknown, stop: unknown): number {
  const region = searched(text, start, stop);
  if (!region) return 0;
  const part = textArgument(wanted);
  return part === '' ? textLength(region.part) + 1 : region.part.split(part).length - 1;
}

function join(separator: string, items: unknown): string {
  const texts = listOf(items).map((item, index) => {
    const text = plain(item);
    if (typeof text === 'string') return text;
    throw new TemplateFailure(`sequence item ${index}: expected str instance, ${typeName(item)} found`);
  });
  return texts.join(separator);
}

/** Python's str.replace: every occurrence, or the first `times` of them. */
export function replace(text: string, old: string, next: string, times: number): string {
  if (old === '') {
    const characters = charactersOf(text);
    checkLength(text.length + characters.length * next.length);
    const limit = times < 0 ? characters.length + 1 : times;
    const gaps = [...characters, ''];
    return gaps.map((character, index) => (index < limit ? next : '') + character).join('');
  }
  const parts = text.split(old);
  const cuts = times < 0 ? parts.length - 1 : Math.min(times, parts.length - 1);
  const replaced = parts.slice(0, cuts + 1).join(next);
  return cuts + 1 < parts.length ? [replaced, ...parts.slice(cuts + 1)].join(old) : replaced;
}

function expandTabs(text: string, size: number): string {
  let column = 0;
  return text.replace(/\t|[\r\n]|[^\t\r\n]+/g, (piece) => {
    if (piece === '\t') {
      const width = size > 0 ? size - (column % size) : 0;
      column += width;
      return ' '.repeat(width);
    }
    column = piece === '\n' || piece === '\r' ? 0 : column + textLength(piece);
    return piece;
  });
}
