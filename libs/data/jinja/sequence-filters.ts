/** Filters of lists and dicts. */
import { itemOf } from '#data/jinja/access.js';
import { matchArguments } from '#data/jinja/arguments.js';
import { defineFilter, type Filter, type Registry } from '#data/jinja/filter.js';
import { add, compare, isEqual, missing } from '#data/jinja/operators.js';
import { printLiteral, printText } from '#data/jinja/print.js';
import { wholeArgument } from '#data/jinja/text-methods.js';
import {
  charactersOf,
  entriesOf,
  Generator,
  isDict,
  isList,
  isTruthy,
  iterate,
  type KeywordArguments,
  lengthOf,
  listOf,
  Range,
  DictView,
  TemplateFailure,
  tuple,
  typeName,
  Undefined,
} from '#data/jinja/values.js';

type Getter = (item: unknown) => unknown;

/** Reads `a.b.0` of an item; without a path, the item itself. */
function getter(
  path: unknown,
  { isCaseless = false, otherwise = null }: { isCaseless?: boolean; otherwise?: unknown } = {},
): Getter {
  const steps = path === null ? [] : typeof path === 'string' ? path.split('.') : [path];
  const keys = steps.map((step) => (typeof step === 'string' && /^\d+$/.test(step) ? Number(step) : step));
  return (item) => {
    let value = item;
    for (const key of keys) {
      value = itemOf(value, key);
      if (otherwise !== null && value instanceof Undefined) value = otherwise;
    }
    return isCaseless ? withoutCase(value) : value;
  };
}

function withoutCase(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value;
}

/** Goes through values one at a time, as they are asked for. */
function* each(input: unknown): Iterable<unknown> {
  const iterator = iterate(input);
  for (let next = iterator.next(); !next.done; next = iterator.next()) yield next.value;
}

function generator(items: Iterable<unknown>): Generator {
  return new Generator(items[Symbol.iterator]());
}

export const sequenceFilters: readonly (readonly [string, Filter])[] = [
  ['attr', defineFilter(['name'], (input, name) => itemOrField(input, name))],
  [
    'batch',
    defineFilter(['linecount', ['fill_with', null]], (input, count, fill) =>
      generator(batches(input, wholeArgument(count), fill)),
    ),
  ],
  ['count', defineFilter([], lengthOf)],
  [
    'd',
    defineFilter(
      [
        ['default_value', ''],
        ['boolean', false],
      ],
      orDefault,
    ),
  ],
  [
    'default',
    defineFilter(
      [
        ['default_value', ''],
        ['boolean', false],
      ],
      orDefault,
    ),
  ],
  [
    'dictsort',
    defineFilter(
      [
        ['case_sensitive', false],
        ['by', 'key'],
        ['reverse', false],
      ],
      sortDict,
    ),
  ],
  [
    'first',
    defineFilter([], (input) => {
      const next = iterate(input).next();
      return next.done ? new Undefined('No first item, sequence was empty.') : next.value;
    }),
  ],
  ['groupby', defineFilter(['attribute', ['default', null], ['case_sensitive', false]], group)],
  ['items', defineFilter([], itemsOf)],
  [
    'join',
    defineFilter(
      [
        ['d', ''],
        ['attribute', null],
      ],
      (input, between, attribute) => {
        const read = getter(attribute);
        return listOf(input)
          .map((item) => printText(read(item)))
          .join(printText(between));
      },
    ),
  ],
  ['last', defineFilter([], last)],
  ['length', defineFilter([], lengthOf)],
  ['list', defineFilter([], (input) => [...listOf(input)])],
  ['map', mapFilter],
  [
    'max',
    defineFilter(
      [
        ['case_sensitive', false],
        ['attribute', null],
      ],
      (input, isCased, attribute) => extreme(1, input, isCased, attribute),
    ),
  ],
  [
    'min',
    defineFilter(
      [
        ['case_sensitive', false],
        ['attribute', null],
      ],
      (input, isCased, attribute) => extreme(-1, input, isCased, attribute),
    ),
  ],
  [
    'random',
    () => {
      throw new TemplateFailure('the filter random is refused: a conversation must always be rendered alike');
    },
  ],
  ['reject', selectFilter(false, false)],
  ['rejectattr', selectFilter(false, true)],
  [
    'reverse',
    defineFilter([], (input) =>
      typeof input === 'string'
        ? charactersOf(input).toReversed().join('')
        : generator(reversible(input).toReversed()),
    ),
  ],
  ['select', selectFilter(true, false)],
  ['selectattr', selectFilter(true, true)],
  [
    'slice',
    defineFilter(['slices', ['fill_with', null]], (input, count, fill) =>
      generator(columns(input, wholeArgument(count), fill)),
    ),
  ],
  [
    'sort',
    defineFilter(
      [
        ['reverse', false],
        ['case_sensitive', false],
        ['attribute', null],
      ],
      sort,
    ),
  ],
  [
    'sum',
    defineFilter(
      [
        ['attribute', null],
        ['start', 0],
      ],
      (input, attribute, start) =>
        listOf(input)
          .map(getter(attribute))
          .reduce((sum, item) => add(sum, item), start),
    ),
  ],
  [
    'unique',
    defineFilter(
      [
        ['case_sensitive', false],
        ['attribute', null],
      ],
      (input, isCased, attribute) => generator(unique(input, isCased, attribute)),
    ),
  ],
];

function itemOrField(input: unknown, name: unknown): unknown {
  // `attr` finds fields, never items, so that a dict's keys are none of its business.
  return isDict(input) ? missing(input, name) : itemOf(input, name);
}

function orDefault(input: unknown, otherwise: unknown, isBoolean: unknown): unknown {
  return input instanceof Undefined || (isTruthy(isBoolean) && !isTruthy(input)) ? otherwise : input;
}

function itemsOf(input: unknown): Generator {
  if (input instanceof Undefined) return generator([]);
  if (!isDict(input)) throw new TemplateFailure('Can only get item pairs from a mapping.');
  return generator(entriesOf(input).map((entry) => tuple(entry)));
}

function last(input: unknown): unknown {
  if (input instanceof Generator) throw new TemplateFailure("'generator' object is not reversible");
  const items = typeof input === 'string' ? charactersOf(input) : listOf(input);
  return items.length > 0 ? items.at(-1) : new Undefined('No last item, sequence was empty.');
}

function reversible(input: unknown): readonly unknown[] {
  return isList(input) || input instanceof Range || input instanceof DictView
    ? [...listOf(input)]
    : listOf(input);
}

function* batches(input: unknown, count: number, fill: unknown): Iterable<unknown[]> {
  let batch: unknown[] = [];
  for (const item of each(input)) {
    if (batch.length === count) {
      yield batch;
      batch = [];
    }
    batch.push(item);
  }
  if (batch.length === 0) return;
  const missing = fill === null ? 0 : Math.max(0, count - batch.length);
  yield [...batch, ...Array.from({ length: missing }, () => fill)];
}

function* columns(input: unknown, count: number, fill: unknown): Iterable<unknown[]> {
  const items = listOf(input);
  const size = Math.floor(items.length / count);
  const longer = items.length % count;
  for (let column = 0; column < count; column++) {
    const start = column * size + Math.min(column, longer);
    const taken = items.slice(start, start + size + (column < longer ? 1 : 0));
    yield fill !== null && column >= longer ? [...taken, fill] : taken;
  }
}

function sortBy<T>(items: readonly T[], key: (item: T) => unknown, isReversed: boolean): T[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  // Python's reverse keeps the order of equals.
  keyed.sort((a, b) => compare(a.key, b.key) * (isReversed ? -1 : 1));
  return keyed.map(({ item }) => item);
}

function sort(input: unknown, isReversed: unknown, caseSensitive: unknown, attribute: unknown): unknown[] {
  const paths = typeof attribute === 'string' ? attribute.split(',') : [attribute];
  const getters = paths.map((path) => getter(path, { isCaseless: !isTruthy(caseSensitive) }));
  return sortBy(listOf(input), (item) => getters.map((read) => read(item)), isTruthy(isReversed));
}

function sortDict(input: unknown, caseSensitive: unknown, by: unknown, isReversed: unknown): unknown[] {
  if (by !== 'key' && by !== 'value')
    throw new TemplateFailure('You can only sort by either "key" or "value"');
  if (!isDict(input)) throw new TemplateFailure(`'${typeName(input)}' object has no attribute 'items'`);
  const read = (pair: readonly unknown[]): unknown => pair[by === 'key' ? 0 : 1];
  const key = (pair: readonly unknown[]): unknown =>
    isTruthy(caseSensitive) ? read(pair) : withoutCase(read(pair));
  return sortBy(entriesOf(input), key, isTruthy(isReversed)).map((entry) => tuple(entry));
}

function* unique(input: unknown, caseSensitive: unknown, attribute: unknown): Iterable<unknown> {
  const read = getter(attribute, { isCaseless: !isTruthy(caseSensitive) });
  const seen: unknown[] = [];
  for (const item of each(input)) {
    const key = read(item);
    if (seen.some((other) => isEqual(other, key))) continue;
    seen.push(key);
    yield item;
  }
}

function extreme(direction: number, input: unknown, caseSensitive: unknown, attribute: unknown): unknown {
  const read = getter(attribute, { isCaseless: !isTruthy(caseSensitive) });
  const [first, ...rest] = listOf(input);
  if (first === undefined) return new Undefined('No aggregated item, sequence was empty.');
  return rest.reduce((best, item) => (compare(read(item), read(best)) * direction > 0 ? item : best), first);
}

function group(input: unknown, attribute: unknown, otherwise: unknown, caseSensitive: unknown): unknown[] {
  const key = getter(attribute, { isCaseless: !isTruthy(caseSensitive), otherwise });
  const name = getter(attribute, { otherwise });
  const groups: { key: unknown; items: unknown[] }[] = [];
  for (const item of sortBy(listOf(input), key, false)) {
    const current = groups.at(-1);
    if (current && isEqual(current.key, key(item))) current.items.push(item);
    else groups.push({ key: key(item), items: [item] });
  }
  return groups.map(({ items }) => tuple([name(items[0]), items], ['grouper', 'list']));
}

function mapFilter(
  input: unknown,
  positional: readonly unknown[],
  named: KeywordArguments,
  registry: Registry,
): unknown {
  return generator(mapped(input, positional, named, registry));
}

function* mapped(
  input: unknown,
  positional: readonly unknown[],
  named: KeywordArguments,
  registry: Registry,
): Iterable<unknown> {
  if (!isTruthy(input)) return;
  if (positional.length === 0 && named.has('attribute')) {
    const [attribute, otherwise] = matchArguments('map', ['attribute', ['default', null]], [], named);
    const read = getter(attribute, { otherwise });
    for (const item of each(input)) yield read(item);
    return;
  }
  if (positional.length === 0) throw new TemplateFailure('map requires a filter argument');
  const [name, ...rest] = positional;
  const filter = registry.filters.get(printText(name));
  if (!filter) throw new TemplateFailure(`No filter named ${printLiteral(name)}.`);
  for (const item of each(input)) yield filter(item, rest, named, registry);
}

function selectFilter(wanted: boolean, byAttribute: boolean): Filter {
  return (input, positional, named, registry) =>
    generator(selected(input, positional, named, registry, wanted, byAttribute));
}

function* selected(
  input: unknown,
  positional: readonly unknown[],
  named: KeywordArguments,
  registry: Registry,
  wanted: boolean,
  byAttribute: boolean,
): Iterable<unknown> {
  if (!isTruthy(input)) return;
  const rest = [...positional];
  if (byAttribute && rest.length === 0) throw new TemplateFailure('Missing parameter for attribute name');
  const read = byAttribute ? getter(rest.shift()) : (item: unknown) => item;
  const isTested = rest.length > 0;
  const name = rest.shift();
  const test = isTested ? registry.tests.get(printText(name)) : isTruthy;
  if (!test) throw new TemplateFailure(`No test named ${printLiteral(name)}.`);
  for (const item of each(input)) if (test(read(item), rest, named, registry) === wanted) yield item;
}
