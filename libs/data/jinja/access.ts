/** Fields, methods and items of values, by the rules of Jinja's sandbox: nothing can be changed. */
import { defineFunction } from '#data/jinja/arguments.js';
import { Float } from '#data/exact-json.js';
import { findItem, isEqual, missing } from '#data/jinja/operators.js';
import { type Access, formatBraces } from '#data/jinja/str-format.js';
import { escapeHtml } from '#data/jinja/text.js';
import { textMethods } from '#data/jinja/text-methods.js';
import {
  Callable,
  type Dict,
  DictView,
  dictKey,
  entriesOf,
  hasKey,
  isDict,
  isFloat,
  isList,
  listOf,
  Namespace,
  plain,
  SafeText,
  TemplateFailure,
  tuple,
  Tuple,
  typeName,
  Undefined,
  valueAt,
} from '#data/jinja/values.js';

const listChangers = ['append', 'clear', 'pop', 'reverse', 'insert', 'sort', 'extend', 'remove'];
const dictChangers = ['clear', 'pop', 'popitem', 'setdefault', 'update'];

/** `object.name`: a method or field first, then an item. */
export function fieldOf(object: unknown, name: string): unknown {
  const own = ownField(object, name);
  if (own !== undefined) return own;
  const item = isDict(object) ? valueAt(object, name) : undefined;
  return item === undefined ? missing(object, name) : item;
}

/** `object[key]`: an item first, then a method or field. */
export function itemOf(object: unknown, key: unknown): unknown {
  const item = findItem(object, key);
  if (item !== undefined) return item;
  const own = typeof key === 'string' ? ownField(object, key) : undefined;
  return own === undefined ? missing(object, key) : own;
}

const access: Access = { field: fieldOf, item: itemOf };

/** What Python's getattr finds; undefined (of JavaScript) for nothing. */
function ownField(object: unknown, name: string): unknown {
  if (object instanceof Undefined) return object.fail();
  if (/^__\w+__$/.test(name)) return unsafe(object, name);
  if (typeof object === 'string') return textMethod(object, name);
  if (object instanceof SafeText) return safeMethod(object, name);
  if (isList(object)) return listMethod(object, name);
  if (isDict(object)) return dictMethod(object, name);
  if (object instanceof Namespace) return object.fields.get(name);
  if (object instanceof Callable) return object.field(name);
  if (isFloat(object)) {
    const value = object instanceof Float ? object.value : object;
    return name === 'is_integer' ? defineFunction(name, [], () => Number.isInteger(value)) : undefined;
  }
  return undefined;
}

function unsafe(object: unknown, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(object)}' object is unsafe.`);
}

function textMethod(text: string, name: string): Callable | undefined {
  if (name === 'format') {
    return new Callable(name, (positional, named) => formatBraces(text, positional, named, access));
  }
  if (name === 'format_map') {
    return defineFunction(name, ['mapping'], (mapping) => {
      const named = isDict(mapping) ? entriesOf(mapping) : [];
      return formatBraces(text, [], new Map(named as [string, unknown][]), access);
    });
  }
  const method = textMethods.get(name);
  return method && new Callable(name, (positional, named) => method(text, positional, named));
}

/** The method of a text, for HTML: what it makes of HTML is HTML, and what it adds is escaped. */
function safeMethod({ text }: SafeText, name: string): Callable | undefined {
  const method = textMethod(text, name);
  if (!method) return undefined;
  const adds = name === 'format' || name === 'join';
  const escape = (value: unknown): unknown => {
    if (isList(value)) return value.map(escape);
    return value instanceof SafeText ? value.text : typeof value === 'string' ? escapeHtml(value) : value;
  };
  const mark = (value: unknown): unknown => {
    if (typeof value === 'string') return new SafeText(value);
    return isList(value) && !(value instanceof Tuple) ? value.map(mark) : value;
  };
  return new Callable(name, (positional, named) =>
    mark(method.call(positional.map(adds ? escape : plain), named)),
  );
}

function listMethod(list: readonly unknown[], name: string): unknown {
  switch (name) {
    case 'count':
      return defineFunction(name, ['value'], (value) => list.filter((item) => isEqual(item, value)).length);
    case 'index':
      return defineFunction(name, ['value'], (value) => {
        const index = list.findIndex((item) => isEqual(item, value));
        if (index < 0) throw new TemplateFailure(`${typeName(list)}.index(x): x not in ${typeName(list)}`);
        return index;
      });
    case 'copy':
      return list instanceof Tuple ? undefined : defineFunction(name, [], () => [...list]);
    default:
      if (list instanceof Tuple) return list[list.names.indexOf(name)];
      return listChangers.includes(name) ? unsafe(list, name) : undefined;
  }
}

function dictMethod(dict: Dict, name: string): unknown {
  switch (name) {
    case 'get':
      return defineFunction(name, ['key', ['default', null]], (key, otherwise) =>
        hasKey(dict, key) ? valueAt(dict, key) : otherwise,
      );
    case 'items':
      return defineFunction(
        name,
        [],
        () =>
          new DictView(
            'dict_items',
            entriesOf(dict).map((entry) => tuple(entry)),
          ),
      );
    case 'keys':
      return defineFunction(
        name,
        [],
        () =>
          new DictView(
            'dict_keys',
            entriesOf(dict).map(([key]) => key),
          ),
      );
    case 'values':
      return defineFunction(
        name,
        [],
        () =>
          new DictView(
            'dict_values',
            entriesOf(dict).map(([, value]) => value),
          ),
      );
    case 'copy':
      return defineFunction(name, [], () => new Map(entriesOf(dict)));
    case 'fromkeys':
      return defineFunction(
        name,
        ['iterable', ['value', null]],
        (keys, value) => new Map(listOf(keys).map((key) => [dictKey(key), value])),
      );
    default:
      return dictChangers.includes(name) ? unsafe(dict, name) : undefined;
  }
}

/** Calls a value. Throws TemplateFailure for what is no function. */
export function callValue(
  value: unknown,
  positional: readonly unknown[],
  named: ReadonlyMap<string, unknown>,
): unknown {
  if (value instanceof Callable) return value.call(positional, named);
  if (value instanceof Undefined) return value.fail();
  throw new TemplateFailure(`'${typeName(value)}' object is not callable`);
}
