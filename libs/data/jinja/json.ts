/** Python's json.dumps(). */
import { floatValue, printFloat } from '#data/jinja/print.js';
import { compareText } from '#data/jinja/operators.js';
import {
  entriesOf,
  isDict,
  isFloat,
  isList,
  SafeText,
  TemplateFailure,
  typeName,
} from '#data/jinja/values.js';

export interface JsonStyle {
  /** Spaces of a level, or the text for them; null for one line. */
  readonly indent?: number | bigint | string | null;
  /** Between items, and between key and value. */
  readonly separators?: readonly [string, string];
  readonly sortKeys?: boolean;
  /** Writes what is not ASCII as \\u escapes. */
  readonly asciiOnly?: boolean;
}

/** A value as JSON. Throws TemplateFailure for what JSON cannot hold. */
export function dumpJson(
  value: unknown,
  { indent = null, separators, sortKeys, asciiOnly }: JsonStyle = {},
): string {
  const step =
    indent === null
      ? undefined
      : typeof indent === 'string'
        ? indent
        : ' '.repeat(Math.max(0, Number(indent)));
  const [comma, colon] = separators ?? [step === undefined ? ', ' : ',', ': '];
  const quote = (text: string): string => {
    const quoted = JSON.stringify(text);
    return asciiOnly
      ? quoted.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : quoted;
  };
  const wrap = (open: string, close: string, items: readonly string[], outer: string): string => {
    if (items.length === 0) return open + close;
    if (step === undefined) return `${open}${items.join(comma)}${close}`;
    const inner = outer + step;
    return `${open}\n${inner}${items.join(`${comma}\n${inner}`)}\n${outer}${close}`;
  };
  const dump = (item: unknown, outer: string): string => {
    if (typeof item === 'string') return quote(item);
    if (item instanceof SafeText) return quote(item.text);
    if (item === null) return 'null';
    if (typeof item === 'boolean') return item ? 'true' : 'false';
    if (isFloat(item)) return dumpFloat(floatValue(item));
    if (typeof item === 'number' || typeof item === 'bigint') return String(item);
    const inner = step === undefined ? '' : outer + step;
    if (isList(item))
      return wrap(
        '[',
        ']',
        item.map((each) => dump(each, inner)),
        outer,
      );
    if (isDict(item)) {
      const entries = entriesOf(item).map(([key, each]) => [keyText(key), each] as const);
      if (sortKeys) entries.sort(([a], [b]) => compareText(a, b));
      const lines = entries.map(([key, each]) => `${quote(key)}${colon}${dump(each, inner)}`);
      return wrap('{', '}', lines, outer);
    }
    throw new TemplateFailure(`Object of type ${typeName(item)} is not JSON serializable`);
  };
  return dump(value, '');
}

function dumpFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return printFloat(value);
}

function keyText(key: unknown): string {
  if (typeof key === 'string') return key;
  if (key === null) return 'null';
  if (typeof key === 'boolean') return key ? 'true' : 'false';
  if (isFloat(key)) return dumpFloat(floatValue(key));
  if (typeof key === 'number' || typeof key === 'bigint') return String(key);
  throw new TemplateFailure(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}
