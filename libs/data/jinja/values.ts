/**
 * The values of a running template: what Python would hold, in JavaScript.
 *
 * | Python | here |
 * |---|---|
 * | None, bool, str | null, boolean, string |
 * | int | a whole number, or bigint where that would not be exact |
 * | float | Float, or a number that is not whole |
 * | list, tuple | an array, Tuple |
 * | dict | Map, or a plain object |
 *
 * What a template is given is never changed.
 */
import { Float } from '#data/exact-json.js';

/** Something that the template does wrong, in Python's words. */
export class TemplateFailure extends Error {}

/** No text or list of a template grows beyond this. */
const maxLength = 1 << 26;

/** Refuses what would fill the memory. */
export function checkLength(length: number): void {
  if (length > maxLength) throw new TemplateFailure('it makes a text or list without end');
}

/** The value of a name or field that is not there: empty as text and as a list, an error in arithmetic. */
export class Undefined {
  constructor(readonly message: string) {}

  fail(): never {
    throw new TemplateFailure(this.message);
  }
}

/** Text that `safe` or `escape` has marked as HTML: joined to other text with `+`, it escapes that. */
export class SafeText {
  constructor(readonly text: string) {}
}

/** Of fixed length; printed with round brackets. */
export class Tuple extends Array<unknown> {
  /** Of the items, where they have names too. */
  names: readonly string[] = [];

  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

export function tuple(items: readonly unknown[], names: readonly string[] = []): Tuple {
  const made = new Tuple(items.length);
  for (const [index, item] of items.entries()) made[index] = item;
  made.names = names;
  return made;
}

/** What `namespace()` makes: the only thing with fields that a template may change. */
export class Namespace {
  constructor(readonly fields: Map<string, unknown>) {}
}

/** What `range()` makes. */
export class Range {
  constructor(
    readonly start: number,
    readonly stop: number,
    readonly step: number,
  ) {}

  get length(): number {
    return Math.max(0, Math.ceil((this.stop - this.start) / this.step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** What `keys()`, `values()` and `items()` of a dict give. */
export class DictView {
  constructor(
    readonly kind: 'dict_keys' | 'dict_values' | 'dict_items',
    readonly items: readonly unknown[],
  ) {}
}

/** What filters such as `map` and `select` give: values that can be gone through once. */
export class Generator {
  constructor(readonly iterator: Iterator<unknown>) {}
}

export type KeywordArguments = ReadonlyMap<string, unknown>;
export type Call = (positional: readonly unknown[], named: KeywordArguments) => unknown;

/** A function, method or macro. */
export class Callable {
  constructor(
    readonly name: string,
    readonly call: Call,
    /** Fields that a template can read, for macros and loops. */
    readonly field: (name: string) => unknown = () => undefined,
    readonly printed: () => string = () => `<function ${name}>`,
  ) {}
}

export type PlainDict = Readonly<Record<string, unknown>>;
export type Dict = ReadonlyMap<unknown, unknown> | PlainDict;

export function isDict(value: unknown): value is Dict {
  if (value instanceof Map) return true;
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export function isFloat(value: unknown): value is Float | number {
  return value instanceof Float || (typeof value === 'number' && !Number.isInteger(value));
}

export function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
}

/** The entries of a dict in their order. */
export function entriesOf(dict: Dict): [unknown, unknown][] {
  return dict instanceof Map ? [...dict] : Object.entries(dict);
}

export function sizeOf(dict: Dict): number {
  return dict instanceof Map ? dict.size : Object.keys(dict).length;
}

/** Whether a dict has a key. */
export function hasKey(dict: Dict, key: unknown): boolean {
  if (dict instanceof Map) return dict.has(dictKey(key));
  return typeof key === 'string' && Object.hasOwn(dict, key);
}

/** The value at a key; undefined (of JavaScript) where there is none. */
export function valueAt(dict: Dict, key: unknown): unknown {
  if (dict instanceof Map) return dict.get(dictKey(key)) as unknown;
  return typeof key === 'string' && Object.hasOwn(dict, key) ? (dict as PlainDict)[key] : undefined;
}

/** A key as a Map holds it. Throws TemplateFailure for what Python cannot hash. */
export function dictKey(key: unknown): unknown {
  if (key instanceof Float) return Number.isInteger(key.value) ? key.value : String(key.value);
  if ((isList(key) && !(key instanceof Tuple)) || isDict(key)) {
    throw new TemplateFailure(`unhashable type: '${typeName(key)}'`);
  }
  return key;
}

/** Python's name of a value's type. */
export function typeName(value: unknown): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'str';
  if (isInteger(value)) return 'int';
  if (isFloat(value)) return 'float';
  if (value instanceof Tuple) return 'tuple';
  if (isList(value)) return 'list';
  if (isDict(value)) return 'dict';
  if (value instanceof DictView) return value.kind;
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof SafeText) return 'Markup';
  if (value instanceof Generator) return 'generator';
  if (value instanceof Range) return 'range';
  if (value instanceof Namespace) return 'Namespace';
  return 'function';
}

/** Python's bool(). */
export function isTruthy(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return value !== '';
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== 0;
  if (isList(value) || value instanceof Range) return value.length > 0;
  if (isDict(value)) return sizeOf(value) > 0;
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof SafeText) return value.text !== '';
  if (value instanceof DictView) return value.items.length > 0;
  return true;
}

/** A text as Python counts it: by code points. */
export function charactersOf(text: string): readonly string[] {
  return /[\ud800-\udbff]/.test(text) ? Array.from(text) : text.split('');
}

/** Python's len(). Throws TemplateFailure for what has no length. */
export function lengthOf(value: unknown): number {
  if (typeof value === 'string') return textLength(value);
  if (isList(value) || value instanceof Range) return value.length;
  if (isDict(value)) return sizeOf(value);
  if (value instanceof DictView) return value.items.length;
  if (value instanceof Undefined) return 0;
  if (value instanceof SafeText) return textLength(value.text);
  if (value instanceof Callable) {
    const length = value.field('length');
    if (typeof length === 'number') return length;
  }
  throw new TemplateFailure(`object of type '${typeName(value)}' has no len()`);
}

export function textLength(text: string): number {
  return /[\ud800-\udbff]/.test(text) ? Array.from(text).length : text.length;
}

/** Python's iter(). Throws TemplateFailure for what cannot be gone through. */
export function iterate(value: unknown): Iterator<unknown> {
  if (isList(value)) return value[Symbol.iterator]();
  if (isDict(value)) return value instanceof Map ? value.keys() : Object.keys(value)[Symbol.iterator]();
  if (typeof value === 'string') return charactersOf(value)[Symbol.iterator]();
  if (value instanceof DictView) return value.items[Symbol.iterator]();
  if (value instanceof Generator) return value.iterator;
  if (value instanceof Range) return value[Symbol.iterator]();
  if (value instanceof Undefined) return [][Symbol.iterator]();
  if (value instanceof SafeText) return charactersOf(value.text)[Symbol.iterator]();
  throw new TemplateFailure(`'${typeName(value)}' object is not iterable`);
}

/** Everything that iter() gives, as an array. */
export function listOf(value: unknown): readonly unknown[] {
  if (isList(value)) return value;
  if (value instanceof DictView) return value.items;
  const items: unknown[] = [];
  const iterator = iterate(value);
  for (let next = iterator.next(); !next.done; next = iterator.next()) items.push(next.value);
  return items;
}

/** Text without its mark as HTML; any other value as it is. */
export function plain(value: unknown): unknown {
  return value instanceof SafeText ? value.text : value;
}
