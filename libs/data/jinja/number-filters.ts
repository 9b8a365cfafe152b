/** Filters of numbers. */
import { Float, readInteger } from '#data/exact-json.js';
import { defineFilter, type Filter } from '#data/jinja/filter.js';
import { integer, numeric, roundHalfEven } from '#data/jinja/operators.js';
import { fixed } from '#data/jinja/number-format.js';
import { printLiteral } from '#data/jinja/print.js';
import { strip } from '#data/jinja/text.js';
import { wholeArgument } from '#data/jinja/text-methods.js';
import { isTruthy, TemplateFailure, typeName, Undefined } from '#data/jinja/values.js';

export const numberFilters: readonly (readonly [string, Filter])[] = [
  ['abs', defineFilter([], absolute)],
  [
    'filesizeformat',
    defineFilter([['binary', false]], (input, binary) => fileSize(toReal(input), isTruthy(binary))),
  ],
  ['float', defineFilter([['default', new Float(0)]], (input, otherwise) => readReal(input) ?? otherwise)],
  [
    'int',
    defineFilter(
      [
        ['default', 0],
        ['base', 10],
      ],
      (input, otherwise, base) => toInteger(input, Number(base)) ?? otherwise,
    ),
  ],
  [
    'round',
    defineFilter(
      [
        ['precision', 0],
        ['method', 'common'],
      ],
      round,
    ),
  ],
];

function absolute(input: unknown): unknown {
  const number = numeric(input);
  if (number === undefined) {
    if (input instanceof Undefined) input.fail();
    throw new TemplateFailure(`bad operand type for abs(): '${typeName(input)}'`);
  }
  if (number instanceof Float) return new Float(Math.abs(number.value));
  return number < 0 ? integer(-number) : number;
}

/** A text or number as a float; undefined where it is none. */
function readReal(input: unknown): Float | undefined {
  if (input instanceof Undefined) return input.fail();
  const number = numeric(input);
  if (number !== undefined) return number instanceof Float ? number : new Float(Number(number));
  if (typeof input !== 'string') return undefined;
  const text = strip(input, null, true, true)
    .replace(/(?<=\d)_(?=\d)/g, '')
    .toLowerCase();
  if (/^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/.test(text)) return new Float(Number(text));
  const special = /^([-+])?(?:inf(?:inity)?|(nan))$/.exec(text);
  if (!special) return undefined;
  return new Float(special[2] ? Number.NaN : special[1] === '-' ? -Infinity : Infinity);
}

function toReal(input: unknown): number {
  const real = readReal(input);
  if (real) return real.value;
  throw new TemplateFailure(`could not convert to float: ${printLiteral(input)}`);
}

function toInteger(input: unknown, base: number): number | bigint | undefined {
  if (typeof input === 'string') {
    const text = strip(input, null, true, true)
      .replace(/(?<=\w)_(?=\w)/g, '')
      .toLowerCase();
    const parsed = parseInteger(text, base);
    if (parsed !== undefined) return parsed;
  }
  const real = readReal(input);
  const number = numeric(input);
  if (number !== undefined && !(number instanceof Float)) return number;
  if (real === undefined || !Number.isFinite(real.value)) return undefined;
  return integer(BigInt(Math.trunc(real.value)));
}

function parseInteger(text: string, base: number): number | bigint | undefined {
  if (base === 10) return /^[-+]?\d+$/.test(text) ? readInteger(text.replace(/^\+/, '')) : undefined;
  const [, sign = '', prefix = '', digits = ''] = /^([-+]?)(0[xob])?([\da-z]+)$/.exec(text) ?? [];
  const radix = base === 0 ? ({ '0x': 16, '0o': 8, '0b': 2 }[prefix] ?? 10) : base;
  const isDigit = (digit: string): boolean => Number.parseInt(digit, 36) < radix;
  if (digits === '' || !Array.from(digits).every(isDigit)) return undefined;
  const value = Number.parseInt(digits, radix);
  return sign === '-' ? -value : value;
}

function round(input: unknown, precision: unknown, method: unknown): unknown {
  const number = numeric(input);
  if (number === undefined) {
    if (input instanceof Undefined) input.fail();
    throw new TemplateFailure(`type ${typeName(input)} doesn't define __round__ method`);
  }
  const digits = wholeArgument(precision);
  if (method === 'common') {
    if (!(number instanceof Float))
      return digits >= 0 ? number : roundHalfEven(Number(number) * 10 ** digits) / 10 ** digits;
    return new Float(roundFloat(number.value, digits));
  }
  if (method !== 'ceil' && method !== 'floor')
    throw new TemplateFailure('method must be common, ceil or floor');
  const scaled = Number(number instanceof Float ? number.value : number) * 10 ** digits;
  return new Float((method === 'ceil' ? Math.ceil(scaled) : Math.floor(scaled)) / 10 ** digits);
}

function roundFloat(value: number, digits: number): number {
  if (!Number.isFinite(value) || digits > 50) return value;
  const scale = 10 ** digits;
  return digits < 0 ? roundHalfEven(value * scale) / scale : Number(fixed(value, digits));
}

function fileSize(bytes: number, isBinary: boolean): string {
  const base = isBinary ? 1024 : 1000;
  if (bytes === 1) return '1 Byte';
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const prefixes = isBinary
    ? ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi']
    : ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
  const step = Math.min(Math.floor(Math.log(bytes) / Math.log(base)), prefixes.length);
  const size = bytes / base ** step;
  return `${size.toFixed(1)} ${prefixes[step - 1]}B`;
}
