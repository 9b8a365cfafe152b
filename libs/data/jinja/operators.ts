/** Python's operators: arithmetic, comparison, membership, access to fields and items. */
import { Float } from '#data/exact-json.js';
import { escapeHtml } from '#data/jinja/text.js';
import { formatPercent } from '#data/jinja/percent-format.js';
import { printLiteral } from '#data/jinja/print.js';
import {
  charactersOf,
  checkLength,
  type Dict,
  DictView,
  entriesOf,
  hasKey,
  isDict,
  isFloat,
  isInteger,
  isList,
  iterate,
  Namespace,
  plain,
  Range,
  SafeText,
  sizeOf,
  TemplateFailure,
  tuple,
  Tuple,
  typeName,
  Undefined,
  valueAt,
} from '#data/jinja/values.js';

type Integer = number | bigint;
type Numeric = Integer | Float;

/** A number, or a truth value as one; undefined for anything else. */
export function numeric(value: unknown): Numeric | undefined {
  if (typeof value === 'boolean') return Number(value);
  if (isInteger(value)) return value;
  return isFloat(value) ? (value instanceof Float ? value : new Float(value)) : undefined;
}

/** An integer as it is kept: a number where that is exact. */
export function integer(value: Integer): Integer {
  if (typeof value === 'number') return value;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function refuse(operator: string, left: unknown, right: unknown): never {
  for (const side of [left, right]) if (side instanceof Undefined) side.fail();
  throw new TemplateFailure(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

const arithmetic = {
  '+': { integers: (a: bigint, b: bigint) => a + b, floats: (a: number, b: number) => a + b },
  '-': { integers: (a: bigint, b: bigint) => a - b, floats: (a: number, b: number) => a - b },
  '*': { integers: (a: bigint, b: bigint) => a * b, floats: (a: number, b: number) => a * b },
};

function calculate(operator: keyof typeof arithmetic, left: unknown, right: unknown): Numeric | undefined {
  const [a, b] = [numeric(left), numeric(right)];
  if (a === undefined || b === undefined) return undefined;
  const { integers, floats } = arithmetic[operator];
  if (a instanceof Float || b instanceof Float) return new Float(floats(toFloat(a), toFloat(b)));
  if (typeof a === 'number' && typeof b === 'number') {
    const result = floats(a, b);
    if (Number.isSafeInteger(result)) return result;
  }
  return integer(integers(BigInt(a), BigInt(b)));
}

function toFloat(value: Numeric): number {
  return value instanceof Float ? value.value : Number(value);
}

export function add(left: unknown, right: unknown): unknown {
  if (typeof left === 'string' && typeof right === 'string') {
    checkLength(left.length + right.length);
    return left + right;
  }
  const sum = calculate('+', left, right);
  if (sum !== undefined) return sum;
  if (left instanceof SafeText || right instanceof SafeText) return addSafe(left, right);
  if (isList(left) && isList(right) && left instanceof Tuple === right instanceof Tuple) {
    checkLength(left.length + right.length);
    const joined = [...left, ...right];
    return left instanceof Tuple ? tuple(joined) : joined;
  }
  if (typeof left === 'string' && !(right instanceof Undefined)) {
    throw new TemplateFailure(`can only concatenate str (not "${typeName(right)}") to str`);
  }
  if (isList(left) && !(right instanceof Undefined)) {
    throw new TemplateFailure(
      `can only concatenate ${typeName(left)} (not "${typeName(right)}") to ${typeName(left)}`,
    );
  }
  return refuse('+', left, right);
}

function addSafe(left: unknown, right: unknown): SafeText {
  const texts = [left, right].map((side) => {
    if (side instanceof SafeText) return side.text;
    return typeof side === 'string' ? escapeHtml(side) : refuse('+', left, right);
  });
  return new SafeText(texts.join(''));
}

export function subtract(left: unknown, right: unknown): unknown {
  return calculate('-', left, right) ?? refuse('-', left, right);
}

export function multiply(left: unknown, right: unknown): unknown {
  const product = calculate('*', left, right);
  if (product !== undefined) return product;
  const [sequence, times] = typeof left === 'string' || isList(left) ? [left, right] : [right, left];
  const count = numeric(times);
  if ((typeof sequence !== 'string' && !isList(sequence)) || count === undefined || count instanceof Float) {
    return refuse('*', left, right);
  }
  const repeats = Math.max(0, Number(count));
  checkLength(sequence.length * repeats);
  if (typeof sequence === 'string') return sequence.repeat(repeats);
  const items = Array.from({ length: repeats }, () => sequence).flat();
  return sequence instanceof Tuple ? tuple(items) : items;
}

function operands(operator: string, left: unknown, right: unknown): [Numeric, Numeric] {
  const [a, b] = [numeric(left), numeric(right)];
  if (a === undefined || b === undefined) return refuse(operator, left, right);
  return [a, b];
}

export function divide(left: unknown, right: unknown): unknown {
  const [a, b] = operands('/', left, right);
  if (toFloat(b) === 0) throw new TemplateFailure('division by zero');
  return new Float(toFloat(a) / toFloat(b));
}

export function floorDivide(left: unknown, right: unknown): unknown {
  const [a, b] = operands('//', left, right);
  if (toFloat(b) === 0) throw new TemplateFailure('integer division or modulo by zero');
  if (a instanceof Float || b instanceof Float) return new Float(Math.floor(toFloat(a) / toFloat(b)));
  const [x, y] = [BigInt(a), BigInt(b)];
  const quotient = x / y;
  return integer(x % y !== 0n && x < 0n !== y < 0n ? quotient - 1n : quotient);
}

/** The remainder, which has the sign of the divisor; of a text, its formatting. */
export function modulo(left: unknown, right: unknown): unknown {
  if (left instanceof SafeText) return new SafeText(formatPercent(left.text, right));
  if (typeof left === 'string') return formatPercent(left, right);
  const [a, b] = operands('%', left, right);
  if (toFloat(b) === 0) throw new TemplateFailure('integer division or modulo by zero');
  if (a instanceof Float || b instanceof Float) {
    const [x, y] = [toFloat(a), toFloat(b)];
    const rest = x % y;
    return new Float(rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest);
  }
  const [x, y] = [BigInt(a), BigInt(b)];
  const rest = x % y;
  return integer(rest !== 0n && rest < 0n !== y < 0n ? rest + y : rest);
}

export function power(left: unknown, right: unknown): unknown {
  const [a, b] = operands('**', left, right);
  if (a instanceof Float || b instanceof Float || Number(b) < 0) return new Float(toFloat(a) ** toFloat(b));
  const bits = (typeof a === 'number' ? Math.abs(a) : Number(a)).toString(2).length * Number(b);
  if (bits > 10_000) throw new TemplateFailure('it makes a number without end');
  return integer(BigInt(a) ** BigInt(b));
}

export function negate(value: unknown): unknown {
  const number = numeric(value);
  if (number === undefined) {
    if (value instanceof Undefined) value.fail();
    throw new TemplateFailure(`bad operand type for unary -: '${typeName(value)}'`);
  }
  return number instanceof Float ? new Float(-number.value) : number === 0 ? 0 : -number;
}

export function positive(value: unknown): unknown {
  const number = numeric(value);
  if (number !== undefined) return number;
  if (value instanceof Undefined) value.fail();
  throw new TemplateFailure(`bad operand type for unary +: '${typeName(value)}'`);
}

/** Python's ==. */
export function isEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (left instanceof SafeText || right instanceof SafeText) return plain(left) === plain(right);
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return compareNumbers(a, b) === 0;
  if (isList(left) && isList(right)) {
    if (left.length !== right.length || left instanceof Tuple !== right instanceof Tuple) return false;
    return left.every((item, index) => isEqual(item, right[index]));
  }
  if (isDict(left) && isDict(right)) return isEqualDict(left, right);
  if (left instanceof Range && right instanceof Range) return isEqual([...left], [...right]);
  return left instanceof Undefined && right instanceof Undefined;
}

function isEqualDict(left: Dict, right: Dict): boolean {
  if (sizeOf(left) !== sizeOf(right)) return false;
  return entriesOf(left).every(([key, value]) => hasKey(right, key) && isEqual(value, valueAt(right, key)));
}

function compareNumbers(a: Numeric, b: Numeric): number {
  const [x, y] = [a instanceof Float ? a.value : a, b instanceof Float ? b.value : b];
  return x < y ? -1 : x > y ? 1 : Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : 0;
}

/** The order of texts by code points. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // Halves of characters beyond the basic plane sort after everything within it.
    const isBeyond = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;
    return isBeyond(x) === isBeyond(y) ? x - y : isBeyond(x) ? 1 : -1;
  }
  return a.length - b.length;
}

/** Negative, zero or positive, as left is less than, equal to or greater than right. Throws for what has no order. */
export function compare(first: unknown, second: unknown, operator = '<'): number {
  const [left, right] = [plain(first), plain(second)];
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return compareNumbers(a, b);
  if (isList(left) && isList(right) && left instanceof Tuple === right instanceof Tuple) {
    const length = Math.min(left.length, right.length);
    for (let i = 0; i < length; i++) {
      if (!isEqual(left[i], right[i])) return compare(left[i], right[i], operator);
    }
    return left.length - right.length;
  }
  for (const side of [left, right]) if (side instanceof Undefined) side.fail();
  throw new TemplateFailure(
    `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
  );
}

/** Python's `in`. */
export function contains(holder: unknown, wanted: unknown): boolean {
  const [container, item] = [plain(holder), plain(wanted)];
  if (typeof container === 'string') {
    if (typeof item === 'string') return container.includes(item);
    throw new TemplateFailure(`'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (isDict(container)) return hasKey(container, item);
  if (container instanceof DictView || isList(container)) {
    const items = isList(container) ? container : container.items;
    return items.some((each) => isEqual(each, item));
  }
  if (container === null || numeric(container) !== undefined || container instanceof Namespace) {
    throw new TemplateFailure(`argument of type '${typeName(container)}' is not iterable`);
  }
  const iterator = iterate(container);
  for (let next = iterator.next(); !next.done; next = iterator.next()) {
    if (isEqual(next.value, item)) return true;
  }
  return false;
}

/** Items of a sequence from `start` to before `stop`; undefined for parts that are left out. */
export function slice(value: unknown, [start, stop, step]: readonly unknown[]): unknown {
  if (value instanceof Undefined) value.fail();
  if (value instanceof SafeText) return new SafeText(slice(value.text, [start, stop, step]) as string);
  const items = typeof value === 'string' ? charactersOf(value) : value instanceof Range ? [...value] : value;
  if (!isList(items)) return new Undefined(`${describe(value)} has no element slice`);
  const stride = sliceIndex(step) ?? 1;
  if (stride === 0) throw new TemplateFailure('slice step cannot be zero');
  const { length } = items;
  const clamp = (index: number | undefined, otherwise: number, low: number, high: number): number =>
    index === undefined ? otherwise : Math.min(Math.max(index < 0 ? index + length : index, low), high);
  const taken: unknown[] = [];
  if (stride > 0) {
    const end = clamp(sliceIndex(stop), length, 0, length);
    for (let i = clamp(sliceIndex(start), 0, 0, length); i < end; i += stride) taken.push(items[i]);
  } else {
    const end = clamp(sliceIndex(stop), -1, -1, length - 1);
    for (let i = clamp(sliceIndex(start), length - 1, -1, length - 1); i > end; i += stride)
      taken.push(items[i]);
  }
  if (typeof value === 'string') return taken.join('');
  return value instanceof Tuple ? tuple(taken) : taken;
}

function sliceIndex(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = numeric(value);
  if (number === undefined || number instanceof Float) {
    if (value instanceof Undefined) value.fail();
    throw new TemplateFailure('slice indices must be integers or None or have an __index__ method');
  }
  return Number(number);
}

/** A value in an error: 'dict object', None. */
export function describe(value: unknown): string {
  return value === null ? 'None' : `${typeName(value)} object`;
}

/** The value of `object[key]` by Python's own rules; undefined (of JavaScript) where there is none. */
export function findItem(object: unknown, key: unknown): unknown {
  if (object instanceof Undefined) return object.fail();
  if (object instanceof SafeText) return findItem(object.text, key);
  if (isDict(object)) return isUnhashable(key) ? undefined : valueAt(object, plain(key));
  const index = numeric(key);
  if (index === undefined || index instanceof Float) return undefined;
  const at = Number(index);
  if (typeof object === 'string') return charactersOf(object).at(at);
  if (isList(object)) return object.at(at);
  if (!(object instanceof Range)) return undefined;
  const positive = at < 0 ? at + object.length : at;
  return positive >= 0 && positive < object.length ? object.at(positive) : undefined;
}

function isUnhashable(key: unknown): boolean {
  return (isList(key) && !(key instanceof Tuple)) || isDict(key);
}

/** What stands for a field or item that is not there. */
export function missing(object: unknown, key: unknown): Undefined {
  const what = typeof key === 'string' ? `attribute ${printLiteral(key)}` : `element ${printLiteral(key)}`;
  const owner = typeof key === 'string' && object !== null ? `'${describe(object)}'` : describe(object);
  return new Undefined(`${owner} has no ${what}`);
}

/** Python's round(): halves to even. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
