/** Values that are refused in any field, whatever its schema says. */
import { cut } from '#base/quote.js';

export const maxDepth = 32;
/** Values beside numbers: the longest conversations have some thousands. */
export const maxValues = 50_000;
/** Of one object. */
export const maxFields = 4000;
const longestPath = 200;

/** What makes a value not worth reading. */
export interface Found {
  readonly field: string;
  readonly problem: string;
  readonly fix: string;
}

interface Place {
  readonly value: object;
  readonly depth: number;
  readonly key: string;
  readonly parent: Place | undefined;
}

/**
 * The first place in a JSON value that cannot be stored or is too much: a NUL character, half of a surrogate pair, more
 * than 32 levels, 4,000 fields of one object or 50,000 values. Undefined if there is none. Works without recursion, since
 * the client chooses the depth.
 */
export function findUnsound(value: unknown): Found | undefined {
  const stack: Place[] = [];
  let values = 0;
  /** Looks at a value, or keeps it for later. */
  const look = (value: unknown, key: string, parent: Place | undefined): Found | undefined => {
    if (typeof value === 'number') return undefined;
    if (++values > maxValues) return tooManyValues();
    if (typeof value === 'string') return textProblem(value, () => pathOf(key, parent));
    if (typeof value !== 'object' || value === null) return undefined;
    const depth = parent ? parent.depth + 1 : 0;
    if (depth === maxDepth) return tooDeep(pathOf(key, parent));
    stack.push({ value, depth, key, parent });
    return undefined;
  };
  let found = look(value, '', undefined);
  for (let top = stack.pop(); top !== undefined && !found; top = stack.pop()) {
    found = lookInto(top, look);
  }
  return found;
}

function lookInto(
  place: Place,
  look: (value: unknown, key: string, parent: Place) => Found | undefined,
): Found | undefined {
  const { value } = place;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      // Numbers are common in long lists, and always sound.
      if (typeof value[i] === 'number') continue;
      const found = look(value[i], String(i), place);
      if (found) return found;
    }
    return undefined;
  }
  const keys = Object.keys(value);
  if (keys.length > maxFields) return tooManyFields(pathOf('', place));
  for (const key of keys) {
    const name = textProblem(key, () => pathOf('', place));
    if (name) return { ...name, problem: `has a field whose name ${name.problem}` };
    const found = look((value as Readonly<Record<string, unknown>>)[key], key, place);
    if (found) return found;
  }
  return undefined;
}

function pathOf(key: string, parent: Place | undefined): string {
  const parts = [key];
  for (let place = parent; place; place = place.parent) parts.unshift(place.key);
  return shownPath(parts);
}

/** The names that lead to a value, as messages show them. */
export function shownPath(parts: readonly string[]): string {
  const shown = parts.filter((part) => part !== '').map((part) => cut(part));
  return cut(shown.join('.'), longestPath);
}

export function tooDeep(field: string): Found {
  return { field, problem: `is nested more than ${maxDepth} deep`, fix: 'leave it out' };
}

export function tooManyFields(field: string): Found {
  return { field, problem: `has more than ${maxFields} fields`, fix: `give at most ${maxFields}` };
}

export function tooManyValues(): Found {
  return { field: '', problem: `has more than ${maxValues} values`, fix: 'send fewer at a time' };
}

function textProblem(text: string, field: () => string): Found | undefined {
  const fix = 'leave it out';
  if (text.includes('\0')) return { field: field(), problem: 'has a NUL character', fix };
  return text.isWellFormed()
    ? undefined
    : { field: field(), problem: 'has half of a character (a lone \\ud8xx escape)', fix };
}
