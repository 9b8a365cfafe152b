/** Numbers in the notations of Python's formatting. */
import { printFloat } from '#data/jinja/print.js';
import { checkLength } from '#data/jinja/values.js';

export type Sign = '-' | '+' | ' ';
export type Align = '<' | '>' | '^' | '=';

/** A text of a least width. With `=`, the filling stands between sign and digits. */
export function pad(text: string, width: number, fill: string, align: Align): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  checkLength(width);
  switch (align) {
    case '<':
      return text + fill.repeat(missing);
    case '>':
      return fill.repeat(missing) + text;
    case '^':
      return fill.repeat(Math.floor(missing / 2)) + text + fill.repeat(Math.ceil(missing / 2));
    case '=': {
      const [, head = '', digits = ''] = /^([-+ ]?(?:0[xXobB])?)([\s\S]*)$/.exec(text) ?? [];
      return head + fill.repeat(missing) + digits;
    }
    default:
      return align satisfies never;
  }
}

export interface NumberStyle {
  readonly sign?: Sign;
  readonly isAlternate?: boolean;
  /** Between groups of three digits. */
  readonly group?: ',' | '_' | '';
}

const radixes: Readonly<Record<string, readonly [number, string]>> = {
  d: [10, ''],
  n: [10, ''],
  b: [2, '0b'],
  o: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
};

export function formatInteger(
  value: number | bigint,
  type: string,
  { sign = '-', isAlternate = false, group = '' }: NumberStyle = {},
): string {
  const [radix, prefix] = radixes[type] ?? [10, ''];
  const isNegative = value < 0;
  let digits = (isNegative ? -value : value).toString(radix);
  if (type === 'X') digits = digits.toUpperCase();
  return (
    signOf(isNegative, sign) + (isAlternate ? prefix : '') + grouped(digits, group, radix === 10 ? 3 : 4)
  );
}

export function formatReal(
  value: number,
  type: string,
  { sign = '-', isAlternate = false, group = '', precision }: NumberStyle & { precision?: number },
): string {
  const isNegative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  const isUpper = type !== type.toLowerCase();
  let text = Number.isFinite(size)
    ? notation(size, type.toLowerCase(), precision, isAlternate)
    : Number.isNaN(size)
      ? 'nan'
      : 'inf';
  if (group !== '') text = text.replace(/^\d+/, (digits) => grouped(digits, group, 3));
  if (type === '%') text += '%';
  return signOf(isNegative, sign) + (isUpper ? text.toUpperCase() : text);
}

function signOf(isNegative: boolean, sign: Sign): string {
  if (isNegative) return '-';
  return sign === '-' ? '' : sign;
}

function grouped(digits: string, group: string, size: number): string {
  return group === '' ? digits : digits.replace(new RegExp(`\\B(?=(?:\\w{${size}})+$)`, 'g'), group);
}

function notation(size: number, type: string, precision: number | undefined, isAlternate: boolean): string {
  switch (type) {
    case 'f':
      return fixed(size, precision ?? 6);
    case '%':
      return fixed(size * 100, precision ?? 6);
    case 'e':
      return exponential(size, precision ?? 6);
    case 'g':
    case 'n':
      return general(size, precision ?? 6, isAlternate);
    default:
      // Without a type: as repr, but never without a digit after the point.
      if (precision === undefined) return printFloat(size);
      return general(size, precision, isAlternate, true);
  }
}

/** A number with this many decimals; what lies in the middle goes to the even neighbour, unlike in toFixed. */
export function fixed(value: number, precision: number): string {
  // Beyond this, floats are whole, and toFixed would write exponents.
  if (Math.abs(value) >= 1e21)
    return precision > 0 ? `${BigInt(value)}.${'0'.repeat(precision)}` : String(BigInt(value));
  const digits = Math.min(precision, 50);
  const [whole = '', fraction = ''] = value.toFixed(digits + 50).split('.');
  const isMiddle = /^50*$/.test(fraction.slice(digits));
  const isEven = Number((whole + fraction.slice(0, digits)).at(-1)) % 2 === 0;
  if (!isMiddle || !isEven) return value.toFixed(digits);
  return digits === 0 ? whole : `${whole}.${fraction.slice(0, digits)}`;
}

function exponential(size: number, precision: number): string {
  return size.toExponential(Math.min(precision, 100)).replace(/e([+-])(\d)$/, 'e$10$2');
}

function general(size: number, precision: number, keepsZeros: boolean, needsPoint = false): string {
  const digits = precision === 0 ? 1 : precision;
  const exponent = size === 0 ? 0 : Number(size.toExponential(digits - 1).split('e')[1]);
  const limit = needsPoint ? digits - 1 : digits;
  if (exponent < -4 || exponent >= limit) {
    const text = exponential(size, digits - 1);
    return keepsZeros ? text : text.replace(/\.?0+e/, 'e');
  }
  const text = fixed(size, Math.max(0, digits - 1 - exponent));
  if (keepsZeros || !text.includes('.')) return needsPoint && !text.includes('.') ? `${text}.0` : text;
  const trimmed = text.replace(/\.?0+$/, '');
  return needsPoint && !trimmed.includes('.') ? `${trimmed}.0` : trimmed;
}
