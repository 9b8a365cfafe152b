/**
 * Checks of the server's answers. The build writes them from the contracts, whose own library would be a third of the page's
 * script: see contract-checks.ts beside vite.config.ts.
 */

/** What is wrong with a value, and where in it. */
interface Problem {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Undefined if nothing is wrong. */
export type Check = (value: unknown) => Problem | undefined;

const wrong = (message: string): Problem => ({ path: [], message });

function within(problem: Problem, key: string | number): Problem {
  problem.path.unshift(key);
  return problem;
}

export const anything: Check = () => undefined;
export const boolean: Check = (value) =>
  typeof value === 'boolean' ? undefined : wrong('must be true or false');

/** A text of so many characters. */
export const string =
  (least = 0, most = Infinity, pattern?: RegExp): Check =>
  (value) => {
    if (typeof value !== 'string') return wrong('must be text');
    if (value.length < least || value.length > most) return wrong(`must have ${least} to ${most} characters`);
    return pattern === undefined || pattern.test(value)
      ? undefined
      : wrong(`must look like ${pattern.source}`);
  };

const range = (least: number, most: number): string =>
  (least > -Infinity ? ` of ${least} or more` : '') + (most < Infinity ? ` of ${most} or less` : '');

/** A finite number within limits. */
export const number =
  (least = -Infinity, most = Infinity): Check =>
  (value) =>
    Number.isFinite(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : wrong(`must be a number${range(least, most)}`);

/** A whole number within limits. */
export const int =
  (least = -Infinity, most = Infinity): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : wrong(`must be a whole number${range(least, most)}`);

export function oneOf(...values: readonly unknown[]): Check {
  const known = new Set(values);
  return (value) => (known.has(value) ? undefined : wrong(`must be one of ${values.join(', ')}`));
}

export const nullable =
  (check: Check): Check =>
  (value) =>
    value === null ? undefined : check(value);

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

export const array =
  (item: Check, least = 0, most = Infinity): Check =>
  (value) => {
    if (!Array.isArray(value)) return wrong('must be a list');
    if (value.length < least || value.length > most) return wrong(`must have ${least} to ${most} items`);
    for (let i = 0; i < value.length; i++) {
      const problem = item(value[i]);
      if (problem !== undefined) return within(problem, i);
    }
    return undefined;
  };

/** A list of exactly these. */
export const tuple =
  (...items: readonly Check[]): Check =>
  (value) => {
    if (!Array.isArray(value) || value.length !== items.length)
      return wrong(`must be a list of ${items.length}`);
    for (const [i, check] of items.entries()) {
      const problem = check(value[i]);
      if (problem !== undefined) return within(problem, i);
    }
    return undefined;
  };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const record =
  (entry: Check): Check =>
  (value) => {
    if (!isObject(value)) return wrong('must be an object');
    for (const key of Object.keys(value)) {
      const problem = entry(value[key]);
      if (problem !== undefined) return within(problem, key);
    }
    return undefined;
  };

/** An object with these fields, and others that pass `rest`; a newer server may tell more, so that all do by default. */
export function object(fields: Readonly<Record<string, Check>>, rest?: Check): Check {
  const names = Object.keys(fields);
  const checks = Object.values(fields);
  return (value) => {
    if (!isObject(value)) return wrong('must be an object');
    for (let i = 0; i < names.length; i++) {
      const problem = checks[i]!(value[names[i]!]);
      if (problem !== undefined) return within(problem, names[i]!);
    }
    if (rest === undefined) return undefined;
    for (const name of Object.keys(value)) {
      if (Object.hasOwn(fields, name)) continue;
      const problem = rest(value[name]);
      if (problem !== undefined) return within(problem, name);
    }
    return undefined;
  };
}

/** For what a closed object has beside its fields. */
export const nothing: Check = () => wrong('is not known');

export const anyOf =
  (...checks: readonly Check[]): Check =>
  (value) => {
    for (const check of checks) if (check(value) === undefined) return undefined;
    return checks.length === 0 ? undefined : checks.at(-1)!(value);
  };

/** Objects that one of their fields tells apart. */
export function variants(field: string, checks: Readonly<Record<string, Check>>): Check {
  const known = new Map(Object.entries(checks));
  return (value) => {
    if (!isObject(value)) return wrong('must be an object');
    const check = known.get(String(value[field]));
    if (check !== undefined) return check(value);
    return within(wrong(`must be one of ${[...known.keys()].join(', ')}`), field);
  };
}

/** As contracts are asked. */
export function answer(check: Check) {
  return {
    check,
    safeParse(data: unknown) {
      const problem = check(data);
      if (problem === undefined) return { success: true, data } as const;
      const error = Object.assign(new Error(problem.message), { issues: [problem] });
      return { success: false, error } as const;
    },
  };
}
