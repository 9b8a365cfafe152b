/** Python's `text % values`. */
import { Float } from '#data/exact-json.js';
import { formatInteger, formatReal, pad } from '#data/jinja/number-format.js';
import { printLiteral, printText } from '#data/jinja/print.js';
import {
  isDict,
  isFloat,
  isInteger,
  TemplateFailure,
  Tuple,
  typeName,
  Undefined,
  valueAt,
} from '#data/jinja/values.js';

const directive = /%(?:\(([^)]*)\))?([#0\- +]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?([\s\S]?)/g;

/** A text with its % directives filled in from a tuple, a dict or one value. Throws TemplateFailure. */
export function formatPercent(text: string, values: unknown): string {
  const items = values instanceof Tuple ? [...values] : [values];
  let used = 0;
  let isNamed = false;
  const next = (): unknown => {
    if (used >= items.length) throw new TemplateFailure('not enough arguments for format string');
    return items[used++];
  };
  const size = (given: string | undefined): number | undefined =>
    given === undefined ? undefined : Number(given === '*' ? next() : given);
  const result = text.replace(directive, (_, name: string | undefined, flags: string, ...rest: string[]) => {
    const [width, precision, type] = rest as [string | undefined, string | undefined, string];
    if (type === '%') return '%';
    const columns = size(width);
    const digits = size(precision);
    isNamed ||= name !== undefined;
    const value = name === undefined ? next() : lookUp(values, name);
    return formatValue(value, { type, flags, digits, columns });
  });
  if (!isNamed && used < items.length && !isDict(values)) {
    throw new TemplateFailure('not all arguments converted during string formatting');
  }
  return result;
}

function lookUp(values: unknown, name: string): unknown {
  if (!isDict(values)) throw new TemplateFailure('format requires a mapping');
  const value = valueAt(values, name);
  if (value === undefined) throw new TemplateFailure(`'${name}'`);
  return value;
}

interface Directive {
  readonly type: string;
  readonly flags: string;
  readonly digits: number | undefined;
  readonly columns: number | undefined;
}

function formatValue(value: unknown, { type, flags, digits, columns = 0 }: Directive): string {
  const align = flags.includes('-') ? '<' : '>';
  const sign = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-';
  const isZeroPadded = flags.includes('0') && align === '>';
  const isAlternate = flags.includes('#');
  const padNumber = (text: string): string =>
    pad(text, columns, isZeroPadded ? '0' : ' ', isZeroPadded ? '=' : align);
  switch (type) {
    case 's':
    case 'r':
    case 'a': {
      const text = type === 's' ? printText(value) : printLiteral(value);
      return pad(
        digits === undefined ? text : Array.from(text).slice(0, digits).join(''),
        columns,
        ' ',
        align,
      );
    }
    case 'c':
      return pad(
        typeof value === 'string' ? value : String.fromCodePoint(Number(value)),
        columns,
        ' ',
        align,
      );
    case 'd':
    case 'i':
    case 'u':
      return padNumber(formatInteger(wholeOf(value, type), 'd', { sign, isAlternate }));
    case 'x':
    case 'X':
    case 'o':
      if (!isInteger(value) && typeof value !== 'boolean') throw needsNumber(value, type);
      return padNumber(formatInteger(wholeOf(value, type), type, { sign, isAlternate }));
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return padNumber(formatReal(realOf(value, type), type, { sign, precision: digits ?? 6, isAlternate }));
    default:
      throw new TemplateFailure(
        type === ''
          ? 'incomplete format'
          : `unsupported format character '${type}' (0x${type.charCodeAt(0).toString(16)})`,
      );
  }
}

function wholeOf(value: unknown, type: string): number | bigint {
  if (typeof value === 'boolean') return Number(value);
  if (isInteger(value)) return value;
  if (isFloat(value)) return Math.trunc(value instanceof Float ? value.value : value);
  throw needsNumber(value, type);
}

function realOf(value: unknown, type: string): number {
  if (isFloat(value)) return value instanceof Float ? value.value : value;
  if (isInteger(value) || typeof value === 'boolean') return Number(value);
  throw needsNumber(value, type);
}

function needsNumber(value: unknown, type: string): TemplateFailure {
  if (value instanceof Undefined) return new TemplateFailure(value.message);
  return new TemplateFailure(`%${type} format: a real number is required, not ${typeName(value)}`);
}
