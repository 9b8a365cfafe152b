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
/** Modules by their paths. */
type Contracts = Readonly<Record<string, Exports>>;

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'libs/contracts/http');
const checks = join(import.meta.dirname, 'src/api/checks.ts');

/** Thrown for a schema that changes what it reads, or that is more than a check. */
class Inexpressible extends Error {}

/** Sets a module of one check apart, so that each is loaded with the views that need it. */
const mark = '?check=';

export function contractChecks(): Plugin {
  let contracts: Promise<Contracts> | undefined;
  return {
    name: 'contract-checks',
    enforce: 'pre',
    resolveId: (id) => (id.includes(mark) ? id : null),
    async load(id) {
      if (!id.startsWith(`${folder}/`)) return null;
      contracts ??= readContracts();
      const all = await contracts;
      const [module = '', name] = id.split(mark);
      const code = name === undefined ? checksOfModule(module, all) : checkOf(module, name, all);
      return { code, moduleSideEffects: false };
    },
  };
}

/** The modules of all contracts by their paths, of one graph, so that a schema is the same wherever it is used. */
async function readContracts(): Promise<Contracts> {
  const { module } = await runnerImport<{ contracts: Record<string, Exports> }>(
    join(import.meta.dirname, 'all-contracts.ts'),
    { configFile: false, root, environments: { inline: { resolve: { conditions: ['@lowrank/source'] } } } },
  );
  return Object.fromEntries(
    Object.entries(module.contracts).map(([path, exports]) => [resolve(import.meta.dirname, path), exports]),
  );
}

/** The text of the module that stands for a contract. What cannot be said as a check is not exported. */
export function checksOfModule(module: string, contracts: Contracts): string {
  const lines = Object.entries(contracts[module]!).map(([name, value]) => {
    if (isPlain(value)) return `export const ${name} = ${JSON.stringify(value)};\n`;
    return isSchema(value) && isCheckable(value)
      ? `export { ${name} } from ${JSON.stringify(module + mark + name)};\n`
      : '';
  });
  return lines.join('');
}

/** The text of a module of one check, which imports those of the other contracts that are part of it. */
export function checkOf(module: string, name: string, contracts: Contracts): string {
  const self = contracts[module]![name];
  const imports = new Map<string, string>();
  const check = codeOf(self as Schema, (schema) => {
    const place = schema === self ? undefined : placeOf(schema, contracts);
    if (place === undefined) return undefined;
    const local = imports.get(place) ?? `part${imports.size}`;
    imports.set(place, local);
    return `${local}.check`;
  });
  return [
    `import * as c from ${JSON.stringify(checks)};`,
    ...[...imports].map(([place, local]) => {
      const exported = place.split(mark)[1]!;
      return `import { ${exported} as ${local} } from ${JSON.stringify(place)};`;
    }),
    `export const ${name} = /*#__PURE__*/ c.answer(${check});`,
    '',
  ].join('\n');
}

/** The module of an exported schema's check. */
function placeOf(schema: Schema, contracts: Contracts): string | undefined {
  for (const [module, exports] of Object.entries(contracts)) {
    const name = Object.keys(exports).find((each) => exports[each] === schema);
    if (name !== undefined) return module + mark + name;
  }
  return undefined;
}

function isCheckable(schema: Schema): boolean {
  try {
    codeOf(schema, () => undefined);
    return true;
  } catch (error) {
    if (error instanceof Inexpressible) return false;
    throw error;
  }
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
