/** How large the values of a request are, held against its schema before anything else reads them. */
import { z } from 'zod';

type Json = z.core.JSONSchema.BaseSchema;

export interface Excess {
  readonly field: string;
  readonly problem: string;
  readonly fix: string;
}

/** How large a value may be; of alternatives the most that one of them allows. A type that none takes has no limits. */
interface Bounds {
  readonly characters: number;
  readonly entries: number;
  /** Of a list. */
  readonly items: Bounds | undefined;
  readonly fields: number;
  readonly nameCharacters: number;
  readonly properties: ReadonlyMap<string, Bounds>;
  /** Of fields without a name of their own. */
  readonly rest: Bounds | undefined;
}

const longestField = 200;
const known = new WeakMap<z.ZodType, Bounds>();

/**
 * The first text that is longer, or list or object that has more entries, than every alternative of its schema allows. A
 * schema by itself would look at each of a million entries before it counted them.
 */
export function findExcess(schema: z.ZodType, value: unknown): Excess | undefined {
  let bounds = known.get(schema);
  if (!bounds) {
    const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    bounds = boundsOf(root, [root])!;
    known.set(schema, bounds);
  }
  return excessOf(value, bounds, () => '');
}

function excessOf(value: unknown, bounds: Bounds, field: () => string): Excess | undefined {
  if (typeof value === 'string') return tooMany(field, value.length, 'characters', bounds.characters);
  if (typeof value !== 'object' || value === null) return undefined;
  return Array.isArray(value) ? listExcess(value, bounds, field) : objectExcess(value, bounds, field);
}

function listExcess(list: readonly unknown[], bounds: Bounds, field: () => string): Excess | undefined {
  const { entries, items } = bounds;
  if (list.length > entries) return tooMany(field, list.length, 'entries', entries);
  if (!items) return undefined;
  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] === 'number') continue;
    const found = excessOf(list[i], items, () => pathOf(field(), i));
    if (found) return found;
  }
  return undefined;
}

function objectExcess(object: object, bounds: Bounds, field: () => string): Excess | undefined {
  const { fields, nameCharacters, properties, rest } = bounds;
  const entries = Object.entries(object);
  if (entries.length > fields) return tooMany(field, entries.length, 'entries', fields);
  for (const [name, item] of entries) {
    const path = () => pathOf(field(), name);
    if (name.length > nameCharacters) {
      return tooMany(path, name.length, 'characters in its name', nameCharacters);
    }
    const inner = properties.get(name) ?? rest;
    const found = inner && excessOf(item, inner, path);
    if (found) return found;
  }
  return undefined;
}

function pathOf(field: string, part: string | number): string {
  const shown = String(part).slice(0, longestField);
  return (field === '' ? shown : `${field}.${shown}`).slice(0, longestField);
}

function tooMany(field: () => string, count: number, what: string, most: number): Excess | undefined {
  if (count <= most) return undefined;
  return { field: field(), problem: `has ${count} ${what}`, fix: `give at most ${most}` };
}

function boundsOf(root: Json, alternatives: readonly (Json | boolean | undefined)[]): Bounds | undefined {
  const schemas = alternatives.flatMap((schema) =>
    typeof schema === 'object' ? withoutAlternatives(root, schema) : [],
  );
  if (schemas.length === 0) return undefined;
  const texts = ofType(schemas, 'string');
  const lists = ofType(schemas, 'array');
  const objects = ofType(schemas, 'object');
  const names = new Set(objects.flatMap(({ properties }) => Object.keys(properties ?? {})));
  const property = (name: string) =>
    objects.map(({ properties, additionalProperties }) => properties?.[name] ?? additionalProperties);
  return {
    characters: most(texts.map(({ maxLength }) => maxLength)),
    entries: most(lists.map(({ maxItems }) => maxItems)),
    items: boundsOf(root, lists.map(({ items }) => items) as Json[]),
    fields: most(objects.map(({ maxProperties }) => maxProperties)),
    nameCharacters: most(
      objects.map(({ propertyNames }) =>
        typeof propertyNames === 'object' ? propertyNames.maxLength : undefined,
      ),
    ),
    properties: new Map(
      [...names].flatMap((name) => {
        const bounds = boundsOf(root, property(name));
        return bounds ? [[name, bounds] as const] : [];
      }),
    ),
    rest: boundsOf(
      root,
      objects.map(({ additionalProperties }) => additionalProperties),
    ),
  };
}

function ofType(schemas: readonly Json[], type: string): Json[] {
  return schemas.filter((schema) => [schema.type].flat().includes(type as 'string'));
}

/** The largest of some limits; none where there is no limit. */
function most(limits: readonly (number | undefined)[]): number {
  return limits.length === 0 ? Infinity : Math.max(...limits.map((limit) => limit ?? Infinity));
}

function withoutAlternatives(root: Json, schema: Json): Json[] {
  const inner = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? referenced(root, schema);
  return inner ? inner.flatMap((each) => withoutAlternatives(root, each)) : [schema];
}

function referenced(root: Json, { $ref }: Json): Json[] | undefined {
  const name = $ref?.split('/').at(-1);
  return name === undefined ? undefined : [root.$defs![name] as Json];
}
