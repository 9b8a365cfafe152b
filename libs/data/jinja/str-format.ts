/** Python's str.format() with its small language of formats. */
import { Float } from '#data/exact-json.js';
import { type Align, formatInteger, formatReal, pad, type Sign } from '#data/jinja/number-format.js';
import { printLiteral, printText } from '#data/jinja/print.js';
import {
  isFloat,
  isInteger,
  type KeywordArguments,
  TemplateFailure,
  typeName,
  Undefined,
} from '#data/jinja/values.js';

/** Fields and items of a value, as the template's own `.` and `[]` find them. */
export interface Access {
  field(object: unknown, name: string): unknown;
  item(object: unknown, key: unknown): unknown;
}

/** Fills the braces of a text. Throws TemplateFailure. */
export function formatBraces(
  text: string,
  positional: readonly unknown[],
  named: KeywordArguments,
  access: Access,
): string {
  let automatic = 0;
  const find = (path: string): unknown => {
    const [first = '', ...steps] = path.split(/(?=[.[])/);
    let value: unknown;
    if (first === '' || /^\d+$/.test(first)) {
      const index = first === '' ? automatic++ : Number(first);
      if (index >= positional.length) {
        throw new TemplateFailure(`Replacement index ${index} out of range for positional args tuple`);
      }
      value = positional[index];
    } else {
      if (!named.has(first)) throw new TemplateFailure(`'${first}'`);
      value = named.get(first);
    }
    for (const step of steps) {
      const key = step.slice(1).replace(/\]$/, '');
      value = step.startsWith('.')
        ? access.field(value, key)
        : access.item(value, /^\d+$/.test(key) ? Number(key) : key);
    }
    return value;
  };
  const fill = (pattern: string): string =>
    pattern.replace(
      /\{\{|\}\}|\{([^{}!:]*)(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]*\})*))?\}|[{}]/g,
      (whole, path: string | undefined, conversion: string | undefined, format: string | undefined) => {
        if (whole === '{{' || whole === '}}') return whole[0]!;
        if (path === undefined) throw new TemplateFailure(`Single '${whole}' encountered in format string`);
        const found = find(path);
        const value =
          conversion === undefined ? found : conversion === 's' ? printText(found) : printLiteral(found);
        return formatValue(value, format === undefined ? '' : fill(format));
      },
    );
  return fill(text);
}

const specification =
  /^(?:([\s\S])?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/u;

function formatValue(value: unknown, format: string): string {
  if (format === '') return printText(value);
  const parts = specification.exec(format);
  if (!parts) throw new TemplateFailure(`Invalid format specifier '${format}'`);
  const [, fill, align, sign = '-', , alternate, zero, width = '0', group = '', precision, type = ''] = parts;
  const filling = fill ?? (zero ? '0' : ' ');
  const digits = precision === undefined ? undefined : Number(precision);
  const style = { sign: sign as Sign, isAlternate: alternate !== undefined, group: group as ',' | '_' | '' };
  const placed = (text: string, usual: Align): string =>
    pad(text, Number(width), filling, (align as Align | undefined) ?? (zero ? '=' : usual));
  if (typeof value === 'string') {
    if (type !== '' && type !== 's') throw unknownCode(type, value);
    const text = digits === undefined ? value : Array.from(value).slice(0, digits).join('');
    return pad(text, Number(width), filling, (align as Align | undefined) ?? '<');
  }
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (isInteger(number) && (type === '' || 'bcdnoxX'.includes(type))) {
    if (type === 'c') return placed(String.fromCodePoint(Number(number)), '<');
    if (type === '' && typeof value === 'boolean' && format !== '') return placed(String(number), '>');
    return placed(formatInteger(number, type === '' ? 'd' : type, style), '>');
  }
  if ((isInteger(number) || isFloat(number)) && (type === '' || 'eEfFgGn%'.includes(type))) {
    const real = number instanceof Float ? number.value : Number(number);
    return placed(formatReal(real, type, { ...style, precision: digits }), '>');
  }
  if (value instanceof Undefined)
    throw new TemplateFailure('unsupported format string passed to Undefined.__format__');
  if (isInteger(number) || isFloat(number)) throw unknownCode(type, value);
  throw new TemplateFailure(`unsupported format string passed to ${typeName(value)}.__format__`);
}

function unknownCode(type: string, value: unknown): TemplateFailure {
  return new TemplateFailure(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
}
