/** The functions that every template has. */
import { fieldOf } from '#data/jinja/access.js';
import { defineFunction } from '#data/jinja/arguments.js';
import { numeric } from '#data/jinja/operators.js';
import { printLiteral, printText } from '#data/jinja/print.js';
import { formatDate } from '#data/jinja/strftime.js';
import { Float } from '#data/exact-json.js';
import {
  Callable,
  entriesOf,
  isDict,
  listOf,
  Namespace,
  Range,
  TemplateFailure,
  typeName,
  Undefined,
} from '#data/jinja/values.js';

/** A template may not build lists without end. */
const longestRange = 100_000;

/** What `raise_exception` throws: the template refuses what it was given. */
export class TemplateRefusal extends Error {}

/** The functions by name. `now` is what `strftime_now` tells the time by. */
export function createGlobals(now: Date): ReadonlyMap<string, unknown> {
  const functions = [
    new Callable('range', makeRange),
    new Callable('dict', makeDict, (name) => (name === 'fromkeys' ? fieldOf({}, name) : undefined)),
    new Callable('namespace', makeNamespace),
    new Callable('cycler', makeCycler),
    defineFunction('joiner', [['sep', ', ']], makeJoiner),
    defineFunction('raise_exception', ['message'], (message) => {
      throw new TemplateRefusal(printText(message));
    }),
    defineFunction('strftime_now', ['format'], (format) => formatDate(now, printText(format))),
  ];
  return new Map(functions.map((each) => [each.name, each]));
}

function makeRange(bounds: readonly unknown[]): Range {
  const [first, second, step = 1] = bounds.map((bound) => {
    const number = numeric(bound);
    if (number !== undefined && !(number instanceof Float)) return Number(number);
    if (bound instanceof Undefined) bound.fail();
    throw new TemplateFailure(`'${typeName(bound)}' object cannot be interpreted as an integer`);
  });
  if (first === undefined) throw new TemplateFailure('range expected at least 1 argument, got 0');
  if (step === 0) throw new TemplateFailure('range() arg 3 must not be zero');
  const range = second === undefined ? new Range(0, first, 1) : new Range(first, second, step);
  if (range.length > longestRange) {
    throw new TemplateFailure(
      `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${longestRange}).`,
    );
  }
  return range;
}

function makeDict(
  positional: readonly unknown[],
  named: ReadonlyMap<string, unknown>,
): Map<unknown, unknown> {
  const [from] = positional;
  const pairs =
    from === undefined ? [] : isDict(from) ? entriesOf(from) : listOf(from).map((pair) => listOf(pair));
  return new Map([...pairs.map(([key, value]) => [key, value] as const), ...named]);
}

function makeNamespace(positional: readonly unknown[], named: ReadonlyMap<string, unknown>): Namespace {
  const fields = makeDict(positional, named) as Map<string, unknown>;
  for (const name of fields.keys()) checkField(name);
  return new Namespace(fields);
}

/** Throws TemplateFailure for a field of a namespace that transformers refuses. */
export function checkField(name: unknown): void {
  if (typeof name !== 'string' || !name.startsWith('_')) return;
  throw new TemplateFailure(
    `Chat templates cannot store underscore-prefixed attributes on a namespace, but got ${printLiteral(name)}.`,
  );
}

function makeCycler(items: readonly unknown[]): Callable {
  if (items.length === 0) throw new TemplateFailure('at least one item has to be provided');
  let position = 0;
  const next = new Callable('next', () => {
    const item = items[position];
    position = (position + 1) % items.length;
    return item;
  });
  const reset = new Callable('reset', () => {
    position = 0;
    return null;
  });
  return new Callable(
    'cycler',
    () => new Undefined("'Cycler' object is not callable").fail(),
    (name) => {
      if (name === 'next') return next;
      if (name === 'reset') return reset;
      return name === 'current' ? items[position] : undefined;
    },
  );
}

function makeJoiner(separator: unknown): Callable {
  let isUsed = false;
  return new Callable('joiner', () => {
    if (isUsed) return separator;
    isUsed = true;
    return '';
  });
}
