/**
 * Puts checks in the place of the contracts that the page imports. A contract is a Zod schema, and Zod without code
 * generation, which the page's content policy forbids, is large and slow; what it says of an answer is plain: fields, types
 * and limits. So the build reads the schemas and writes calls of src/api/checks.ts.
 */
// Zod describes a schema in its field _zod.
/* oxlint-disable no-underscore-dangle */
import { join, resolve } from 'node:path';
import { type Plugin, runnerImport } from 'vite';
import type { z } from 'zod';

type Schema = z.core.$ZodType;
/** The exports of a module by their names. */
type Exports = Readonly<Record<string, unknown>>;

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'libs/contracts/http');
const checks = join(import.meta.dirname, 'src/api/checks.ts');

/** Thrown for a schema that changes what it reads, or that is more than a check. */
class Inexpressible extends Error {}

export function contractChecks(): Plugin {
  let contracts: Promise<Readonly<Record<string, Exports>>> | undefined;
  return {
    name: 'contract-checks',
    enforce: 'pre',
    async load(id) {
      if (!id.startsWith(`${folder}/`)) return null;
      contracts ??= readContracts();
      const all = await contracts;
      return { code: checksOfModule(id, all), moduleSideEffects: false };
    },
  };
}

/** The modules of all contracts by their paths, of one graph, so that a schema is the same wherever it is used. */
async function readContracts(): Promise<Record<string, Exports>> {
  const { module } = await runnerImport<{ contracts: Record<string, Exports> }>(
    join(import.meta.dirname, 'all-contracts.ts'),
    { configFile: false, root, environments: { inline: { resolve: { conditions: ['@lowrank/source'] } } } },
  );
  return Object.fromEntries(
    Object.entries(module.contracts).map(([path, exports]) => [resolve(import.meta.dirname, path), exports]),
  );
}

/** The text of the module that stands for a contract. What cannot be said as a check is not exported. */
export function checksOfModule(id: string, contracts: Readonly<Record<string, Exports>>): string {
  const own = contracts[id]!;
  const places = new Map<unknown, { module: string; name: string }>();
  for (const [module, exports] of Object.entries(contracts)) {
    for (const [name, value] of Object.entries(exports))
      if (isSchema(value)) places.set(value, { module, name });
  }
  const imports = new Map<string, Set<string>>();
  const lines: string[] = [];
  const written = new Map<string, boolean>();

  /** Writes an export of this module, after those that it names; false if it cannot be. */
  const write = (name: string): boolean => {
    const known = written.get(name);
    if (known !== undefined) return known;
    written.set(name, false);
    const value = own[name];
    try {
      if (isSchema(value))
        lines.push(`export const ${name} = /*#__PURE__*/ c.answer(${codeOf(value, named(name))});`);
      else if (isPlain(value)) lines.push(`export const ${name} = ${JSON.stringify(value)};`);
      else return false;
    } catch (error) {
      if (!(error instanceof Inexpressible)) throw error;
      return false;
    }
    written.set(name, true);
    return true;
  };
  /** How a schema that is exported somewhere is called here; of another one's parts, not of itself. */
  const named = (self: string) => (schema: Schema) => {
    const place = places.get(schema);
    if (place === undefined || (place.module === id && place.name === self)) return undefined;
    if (place.module !== id) {
      // It may have no check of its own, which is then this one's trouble too.
      codeOf(schema, () => undefined);
      imports.set(place.module, (imports.get(place.module) ?? new Set()).add(place.name));
    } else if (!write(place.name)) throw new Inexpressible(`it has ${place.name}`);
    return `${place.name}.check`;
  };
  for (const name of Object.keys(own)) write(name);
  return [
    `import * as c from ${JSON.stringify(checks)};`,
    ...[...imports].map(
      ([module, names]) => `import { ${[...names].join(', ')} } from ${JSON.stringify(module)};`,
    ),
    ...lines,
    '',
  ].join('\n');
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && '_zod' in value;

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

/** The call that makes the check of a schema. Throws for one that is more than a check. */
export function codeOf(schema: Schema, nameOf: (schema: Schema) => string | undefined): string {
  const name = nameOf(schema);
  if (name !== undefined) return name;
  const inner = (part: Schema) => codeOf(part, nameOf);
  const call = (check: string, ...given: readonly (string | undefined)[]) => {
    const last = given.findLastIndex((one) => one !== undefined);
    return `/*#__PURE__*/ c.${check}(${given
      .slice(0, last + 1)
      .map((one) => one ?? 'undefined')
      .join(', ')})`;
  };
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const limits = limitsOf(def.checks ?? []);
  // What is not named is no mere check.
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (def.type) {
    case 'unknown':
    case 'any':
      return 'c.anything';
    case 'boolean':
      return 'c.boolean';
    case 'null':
      return call('oneOf', 'null');
    case 'string': {
      const { pattern } = def as z.core.$ZodStringFormatDef;
      return call('string', limits.least, limits.most, limits.pattern ?? pattern?.toString());
    }
    case 'number': {
      const { format } = def as z.core.$ZodNumberFormatDef;
      const isWhole = format?.includes('int') || limits.isWhole;
      return call(isWhole ? 'int' : 'number', limits.least, limits.most);
    }
    case 'literal':
      return call('oneOf', ...def.values.map((value) => JSON.stringify(value)));
    case 'enum':
      return call('oneOf', ...Object.values(def.entries).map((value) => JSON.stringify(value)));
    case 'nullable':
      return call('nullable', inner(def.innerType));
    case 'optional':
      return call('optional', inner(def.innerType));
    case 'default':
    // What servers of earlier versions may leave out, the page's own server does not.
    case 'readonly':
      return inner(def.innerType);
    case 'array':
      return call('array', inner(def.element), limits.least, limits.most);
    case 'tuple':
      if (def.rest) throw new Inexpressible('an open tuple');
      return call('tuple', ...def.items.map(inner));
    case 'record':
      return call('record', inner(def.valueType));
    case 'object': {
      const fields = Object.entries(def.shape).map(
        ([field, part]) => `${JSON.stringify(field)}: ${inner(part)}`,
      );
      const rest = def.catchall && restOf(def.catchall, inner);
      return call('object', `{ ${fields.join(', ')} }`, rest);
    }
    case 'union': {
      const { discriminator } = def as z.core.$ZodDiscriminatedUnionDef;
      if (discriminator === undefined) return call('anyOf', ...def.options.map(inner));
      const options = def.options.map((option) => {
        const { shape } = option._zod.def as unknown as z.core.$ZodObjectDef;
        const { values } = shape[discriminator]!._zod.def as unknown as z.core.$ZodLiteralDef<string>;
        return `${JSON.stringify(values[0])}: ${inner(option)}`;
      });
      return call('variants', JSON.stringify(discriminator), `{ ${options.join(', ')} }`);
    }
    default:
      throw new Inexpressible(`a schema of the type ${def.type}`);
  }
}

/** Undefined for an object that may have any other field. */
function restOf(catchall: Schema, inner: (part: Schema) => string): string | undefined {
  const { type } = catchall._zod.def;
  if (type === 'never') return 'c.nothing';
  return type === 'unknown' ? undefined : inner(catchall);
}

interface Limits {
  readonly least?: string;
  readonly most?: string;
  readonly pattern?: string;
  readonly isWhole?: boolean;
}

function limitsOf(given: readonly z.core.$ZodCheck[]): Limits {
  const limits: { -readonly [Name in keyof Limits]: Limits[Name] } = {};
  for (const check of given) {
    const { def } = check._zod as z.core.$ZodChecks['_zod'];
    if (def.check === 'greater_than' && (def.inclusive || def.value === 0)) {
      // The least number above 0.
      limits.least = def.inclusive ? String(def.value) : '5e-324';
    } else if (def.check === 'less_than' && def.inclusive) limits.most = String(def.value);
    else if (def.check === 'min_length') limits.least = String(def.minimum);
    else if (def.check === 'max_length') limits.most = String(def.maximum);
    else if (def.check === 'string_format' && 'pattern' in def) limits.pattern = String(def.pattern);
    else if (def.check === 'number_format') limits.isWhole = def.format.includes('int');
    else throw new Inexpressible(`a check ${def.check}`);
  }
  return limits;
}
