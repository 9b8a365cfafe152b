/** Values as Python prints them: str() and repr(). */
import { Float } from '#data/exact-json.js';
import {
  Callable,
  DictView,
  entriesOf,
  Generator,
  isDict,
  isFloat,
  isList,
  Namespace,
  Range,
  SafeText,
  Tuple,
  Undefined,
} from '#data/jinja/values.js';

/** Python's str(). */
export function printText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof SafeText) return value.text;
  return value instanceof Undefined ? '' : printLiteral(value);
}

/** Python's repr(). */
export function printLiteral(value: unknown): string {
  if (typeof value === 'string') return quoteText(value);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (isFloat(value)) return printFloat(floatValue(value));
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value instanceof Tuple) {
    return value.length === 1 ? `(${printLiteral(value[0])},)` : `(${printAll(value)})`;
  }
  if (isList(value)) return `[${printAll(value)}]`;
  if (isDict(value)) return printDict(value);
  if (value instanceof DictView) return `${value.kind}([${printAll(value.items)}])`;
  if (value instanceof Range) {
    const step = value.step === 1 ? '' : `, ${value.step}`;
    return `range(${value.start}, ${value.stop}${step})`;
  }
  if (value instanceof Namespace) return `<Namespace ${printDict(value.fields)}>`;
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof SafeText) return `Markup(${quoteText(value.text)})`;
  if (value instanceof Generator) return '<generator object>';
  return value instanceof Callable ? value.printed() : '<object>';
}

function printAll(items: readonly unknown[]): string {
  return items.map(printLiteral).join(', ');
}

function printDict(dict: Parameters<typeof entriesOf>[0]): string {
  return `{${entriesOf(dict)
    .map(([key, value]) => `${printLiteral(key)}: ${printLiteral(value)}`)
    .join(', ')}}`;
}

export function floatValue(value: Float | number): number {
  return value instanceof Float ? value.value : value;
}

/** Python's repr of a float: 48.0, 1e-07, 1e+22, nan, inf. */
export function printFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+';
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const digits = mantissa.replace(/[-.]/g, '');
  const sign = value < 0 ? '-' : '';
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const shortEscapes: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
};
/** What str.isprintable() says no to. */
export const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/u;
const escaped = new RegExp(String.raw`\\|(?! )${unprintable.source}`, 'gu');

function quoteText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = text.replace(escaped, (character) => shortEscapes[character] ?? escapeCharacter(character));
  return `${quote}${quote === "'" ? inside.replaceAll("'", "\\'") : inside}${quote}`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
